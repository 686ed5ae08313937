import { describe, expect, it } from "vitest";
import type { SaveDecision } from "../checkpoint/index.js";
import { planSave } from "./save-plan.js";

const save: SaveDecision = { kind: "auto", reason: "every 10 batches" };
const goesOn = { save, end: undefined, cool: false };

describe("a save", () => {
  it.each([
    ["goes beside the step that comes", goesOn, false, { when: "beside-step", save }],
    [
      "waits for no step of another resolution",
      goesOn,
      true,
      { when: "now", save, state: "copied", last: false },
    ],
    [
      "comes before a cool-down",
      { ...goesOn, cool: true },
      false,
      { when: "now", save, state: "copied", last: false },
    ],
    [
      "takes the state of who wants to be gone",
      { ...goesOn, end: "stopped" },
      false,
      { when: "now", save, state: "taken", last: true },
    ],
    [
      "leaves the state at another end",
      { ...goesOn, end: "limit" },
      false,
      { when: "now", save, state: "copied", last: true },
    ],
    ["is not made where none is wanted", { ...goesOn, save: undefined, end: "stopped" }, true, undefined],
  ] as const)("%s", (_, decision, stageEnded, plan) => {
    expect(planSave(decision, stageEnded)).toEqual(plan);
  });
});
