import { describe, expect, it } from "vitest";
import type { Session } from "../engine/session.js";
import { createSessionCache, type GraphKey } from "./session-cache.js";

const key = (over: Partial<GraphKey> = {}): GraphKey => ({ kind: "whole", size: 4, fading: false, ...over });

/** A session that notes its release. */
function sessionOf(name: string, released: string[]): Session {
  return {
    inputs: [],
    run: () => Promise.resolve(new Map()),
    release: () => Promise.resolve(void released.push(name)),
  };
}

describe("the sessions of a resolution", () => {
  it("are made once for each graph, and told apart by all that makes a graph another one", async () => {
    const cache = createSessionCache();
    const made: string[] = [];
    const get = (one: GraphKey) =>
      cache.get(one, () => {
        made.push(JSON.stringify(one));
        return Promise.resolve(sessionOf("", []));
      });
    const keys = [
      key(),
      key({ size: 2 }),
      key({ fading: true }),
      key({ kind: "images" }),
      key({ kind: "gradients", network: "critic" }),
      key({ kind: "gradients", network: "generator" }),
    ];
    const sessions = [];
    for (const one of [...keys, ...keys]) sessions.push(await get({ ...one }));
    expect(made).toHaveLength(keys.length);
    expect(new Set(sessions).size).toBe(keys.length);
  });

  it("are released once, those that are meant, and made anew afterwards", async () => {
    const cache = createSessionCache();
    const released: string[] = [];
    const get = (one: GraphKey, name: string) =>
      cache.get(one, () => Promise.resolve(sessionOf(name, released)));
    await get(key({ fading: true }), "fading");
    await get(key({ kind: "images" }), "images");
    await get(key(), "whole");
    await cache.release(({ kind }) => kind === "images");
    expect(released).toEqual(["images"]);
    expect(cache.has(({ fading }) => fading)).toBe(true);
    await cache.release();
    await cache.release();
    expect(released).toEqual(["images", "fading", "whole"]);
    expect(cache.has(() => true)).toBe(false);
    await get(key(), "again");
    await cache.release();
    expect(released.at(-1)).toBe("again");
  });

  it("keep nothing of a graph that could not be made", async () => {
    const cache = createSessionCache();
    await expect(cache.get(key(), () => Promise.reject(new Error("no memory")))).rejects.toThrow("no memory");
    expect(cache.has(() => true)).toBe(false);
  });
});
