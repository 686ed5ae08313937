import { describe, expect, it } from "vitest";
import { GuardapesosError } from "../base/errors.js";
import type { Generation, SaveReport } from "../checkpoint/index.js";
import { presets } from "../progan/config.js";
import { firstPlace } from "../progan/schedule.js";
import type { RunEvent } from "../events/event.js";
import { createSaves, type Setup } from "./saves.js";
import { freshState } from "../trainer/state.js";
import { sealState } from "./train-state.js";

const config = { ...presets.demo, latent: 2, channels: 2 };
const place = firstPlace(config);
const setup: Setup = {
  config,
  preset: "demo",
  device: "cpu",
  threads: 1,
  arithmetic: 1,
  data: { fingerprint: "", images: 1 },
};
const generation = { id: "7-auto", kind: "auto", nonFinite: 0, bytes: 1 } as Generation;
const report: SaveReport = {
  generation,
  files: [],
  seconds: 1,
  removed: [],
  spared: [],
  movedAside: [],
  stale: false,
  savesLeft: undefined,
  damaged: [],
  problems: [],
};

/** Saves one after the other; each gets the next outcome. @returns what was told, and what was saved */
async function saveWith(outcomes: readonly (Partial<SaveReport> | Error)[], last = false) {
  const told: RunEvent[] = [];
  const saved: Generation[] = [];
  let next = 0;
  const save = () => {
    const outcome = outcomes[next++]!;
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve({ ...report, ...outcome });
  };
  const saves = createSaves(
    { save },
    (event) => told.push(event),
    { files: [], local: undefined },
    (one) => saved.push(one),
  );
  while (next < outcomes.length) {
    const state = sealState(freshState(config, 1), config, config.learningRate);
    await saves.begin(state, place, setup, { kind: "auto", reason: "test" }, last);
    await saves.settle();
  }
  return { told, saved, saves };
}

describe("saves", () => {
  it("say how often they have failed and when they are tried again, until one succeeds", async () => {
    const full = new GuardapesosError("DISK_FULL", { folder: "weights", needed: 2, free: 1 });
    const { told, saves } = await saveWith([full, full, {}, full]);
    const failed = told.filter((event) => event.type === "save-failed");
    expect(failed.map(({ failures, retrySeconds }) => [failures, retrySeconds])).toEqual([
      [1, 5],
      [2, 10],
      [1, 5],
    ]);
    expect(saves.record.failures).toBe(1);
    // What it says is made from data; the text that was there before stays.
    const { code, data, message } = full;
    for (const event of failed) expect(event).toMatchObject({ code, data, message });
  });

  it("promise no other try, and begin no backup, when training ends with them", async () => {
    const { told } = await saveWith([new Error("EIO")], true);
    expect(told).toContainEqual(expect.objectContaining({ type: "save-failed", retrySeconds: undefined }));
    expect((await saveWith([{}], true)).saved).toEqual([]);
    expect((await saveWith([{}])).saved).toEqual([generation]);
  });

  it("say that the disk is filling up once, and again when the room has halved", async () => {
    const room = [undefined, 30, 19, 18, 10, 9, 8, 4, 2, 1, 0, 25, 19];
    const { told } = await saveWith(room.map((savesLeft) => ({ savesLeft })));
    const warned = told.flatMap((event) =>
      event.type === "warning" && event.code === "DISK_FILLING" ? [event.data.savesLeft] : [],
    );
    expect(warned).toEqual([19, 9, 4, 2, 1, 0, 19]);
  });

  it("tell weights that do not change, files moved aside, and what did not work beside them", async () => {
    const problem = { what: "mark", name: "7-auto", detail: "EIO" } as const;
    const { told } = await saveWith([{ stale: true, movedAside: ["OLD_a.pth"], problems: [problem] }]);
    expect(told.slice(2)).toEqual([
      { type: "warning", code: "WEIGHTS_UNCHANGED", detail: "7-auto", data: { id: "7-auto" } },
      { type: "warning", code: "FILE_MOVED_ASIDE", detail: "OLD_a.pth", data: { path: "OLD_a.pth" } },
      { type: "store-problem", ...problem },
    ]);
  });
});
