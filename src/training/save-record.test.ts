import { describe, expect, it } from "vitest";
import type { Generation } from "../checkpoint/index.js";
import {
  firstRecord,
  isFilling,
  withFailure,
  withSaved,
  type SaveRecord,
  type SaveReport,
} from "./save-record.js";

const old = { path: "old.pth", bytes: 1 };
const pair = { path: "new.pth", bytes: 2 };

function reportOf(id: string, nonFinite = 0, more: Partial<SaveReport> = {}): SaveReport {
  const generation = { id, kind: "auto", nonFinite, bytes: 1 } as Generation;
  const nothing = { removed: [], spared: [], movedAside: [], damaged: [], problems: [], stale: false };
  return { generation, files: [pair], seconds: 1, savesLeft: undefined, ...nothing, ...more };
}

describe("what a session has saved", () => {
  it("is nothing at first, but for what it goes on from", () => {
    const record = firstRecord([old], 5);
    expect(record).toMatchObject({ failures: 0, begunAt: 5, savedBatches: undefined, files: [old] });
  });

  it("counts failures in a row, each from its moment on", () => {
    const twice = withFailure(withFailure(firstRecord([old], 0), 3), 7);
    expect(twice).toMatchObject({ failures: 2, begunAt: 7, files: [old] });
    expect(withSaved(twice, reportOf("1"), 10, 9)).toMatchObject({ failures: 0, begunAt: 7, verifiedAt: 9 });
  });

  it("names the newest pair that is all numbers as safe, and counts those that are not", () => {
    const sound = withSaved(firstRecord([old], 0), reportOf("1"), 10, 1);
    expect(sound).toMatchObject({ sound: { id: "1", batches: 10 }, files: [pair], spoilt: 0, nonFinite: 0 });
    const other = { path: "spoilt.pth", bytes: 3 };
    const spoilt = withSaved(
      withSaved(sound, reportOf("2", 4, { files: [other] }), 20, 2),
      reportOf("3", 5),
      30,
      3,
    );
    expect(spoilt).toMatchObject({
      savedBatches: 30,
      newest: { id: "3" },
      sound: { id: "1", batches: 10 },
      files: [pair],
      spoilt: 2,
      nonFinite: 5,
    });
    expect(withSaved(spoilt, reportOf("4"), 40, 4)).toMatchObject({ spoilt: 0, sound: { id: "4" } });
  });

  it("remembers the folder that took what the wanted one did not", () => {
    const refuge = { folder: "/tmp/elsewhere", cause: new Error("full") };
    const saved = withSaved(firstRecord([], 0), reportOf("1", 0, { refuge }), 1, 1);
    expect(saved.elsewhere).toBe("/tmp/elsewhere");
    expect(withSaved(saved, reportOf("2"), 2, 2).elsewhere).toBe("/tmp/elsewhere");
  });

  it("is worth a warning when the disk is filling up, and each time that the room has halved", () => {
    let record: SaveRecord = firstRecord([], 0);
    const warned = [undefined, 21, 19, 10, 9, 5, 4, 0, 0, 50, 19].filter((savesLeft, i) => {
      const before = record;
      record = withSaved(before, reportOf(String(i), 0, { savesLeft }), i, i);
      return isFilling(before, record);
    });
    expect(warned).toEqual([19, 9, 4, 0, 19]);
  });
});
