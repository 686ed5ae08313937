import { describe, expect, it } from "vitest";
import {
  artifactNames,
  quietSeconds,
  withEnd,
  withSave,
  withSteps,
  withTime,
  type FinishedSave,
  type OpenGroups,
} from "./grouping.js";

const save = (path: string, steps: number, at = 0, pid = 1): FinishedSave => ({
  pid,
  path,
  source: path,
  format: "torch",
  bytes: 1,
  steps,
  batches: steps,
  at,
});
const none: OpenGroups = new Map();
const paths = (groups: readonly { readonly saves: readonly FinishedSave[] }[]) =>
  groups.map(({ saves }) => saves.map(({ path }) => path).join("+"));
/** All saves one after the other; what was complete on the way, and at the end. */
function all(...saves: FinishedSave[]): string[] {
  let open = none;
  const complete: string[] = [];
  for (const one of saves) {
    const grouped = withSave(open, one);
    open = grouped.open;
    complete.push(...paths(grouped.complete));
  }
  for (const pid of open.keys()) complete.push(...paths(withEnd(open, pid).complete));
  return complete;
}

describe("the files of one checkpoint", () => {
  it("are those with no step between, however long it took", () => {
    expect(all(save("g", 8, 0), save("c", 8, 500), save("g", 16), save("c", 16))).toEqual(["g+c", "g+c"]);
  });

  it("are never of two different steps", () => {
    expect(all(save("g", 8), save("c", 9))).toEqual(["g", "c"]);
    expect(all(save("g", 8), save("c", 8), save("g", 9))).toEqual(["g+c", "g"]);
  });

  it("are the newest of each name", () => {
    const again = all(save("g", 8, 0), save("c", 8, 1), save("g", 8, 2));
    expect(again).toEqual(["c+g"]);
  });

  it("are those of one process", () => {
    expect(all(save("g", 8, 0, 1), save("c", 8, 0, 2)).sort()).toEqual(["c", "g"]);
  });

  it("are complete when a step follows, unless a save is under way", () => {
    const { open } = withSave(none, save("g", 8));
    expect(withSteps(open, 1, 8, false).complete).toEqual([]);
    expect(withSteps(open, 1, 9, true).complete).toEqual([]);
    const stepped = withSteps(open, 1, 9, false);
    expect(paths(stepped.complete)).toEqual(["g"]);
    expect(stepped.open.size).toBe(0);
    expect(withSteps(open, 2, 9, false).complete).toEqual([]);
  });

  it("are complete after a while without steps, too", () => {
    const { open } = withSave(none, save("g", 8, 5));
    expect(withTime(open, 5 + quietSeconds - 1, new Set()).complete).toEqual([]);
    expect(withTime(open, 5 + quietSeconds, new Set([1])).complete).toEqual([]);
    expect(paths(withTime(open, 5 + quietSeconds, new Set()).complete)).toEqual(["g"]);
  });
});

it("files of one name from two folders lie beside each other", () => {
  expect(
    artifactNames(["/a/x.pth", "/b/X.pth", "/c/x.pth", "/d/.secret", String.raw`C:\w\ñ (1).pt`]),
  ).toEqual(["x.pth", "2-X.pth", "3-x.pth", "_secret", "ñ_1_.pt"]);
});
