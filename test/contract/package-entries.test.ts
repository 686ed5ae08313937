/** The package's entries are lists by hand (they build before they load), so they are held to the modules they stand for. */
import { describe, expect, it } from "vitest";
import * as checkpoint from "../../src/checkpoint/entry.js";
import * as torch from "../../src/torch/index.js";

describe("the package's entries", () => {
  it.each([
    ["torch", torch],
    ["checkpoint", checkpoint],
  ])("guardapesos/%s has every export, and none that is not there", async (name, own) => {
    const entry = (await import(/* @vite-ignore */ `guardapesos/${name}`)) as Record<string, unknown>;
    expect(Object.keys(entry).sort()).toEqual(Object.keys(own).sort());
    for (const [key, value] of Object.entries(entry)) expect(value, key).toBeDefined();
  });
});
