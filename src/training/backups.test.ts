import { describe, expect, it } from "vitest";
import { GuardapesosError } from "../base/errors.js";
import type { BackupReport, Generation } from "../checkpoint/index.js";
import { createBackups } from "./backups.js";
import type { RunEvent } from "../events/event.js";

const generation = {
  id: "7-auto",
  folder: "weights/backups/2026-01-01",
  bytes: 100,
  nonFinite: 0,
} as Generation;
const made: BackupReport = {
  backup: generation,
  existing: undefined,
  folder: "weights/backups",
  source: generation,
  removed: [],
  problems: [],
};
const hour = 3600_000;

/** Backups on a clock that the test sets; each call of the writer gets the next outcome. */
function withOutcomes(...outcomes: (Partial<BackupReport> | Error)[]) {
  const asked: unknown[] = [];
  const told: RunEvent[] = [];
  const clock = { now: new Date(2026, 0, 1, 9).getTime() };
  const writer = {
    backup(options: unknown) {
      asked.push(options);
      const outcome = outcomes.shift()!;
      if (outcome instanceof Error) return Promise.reject(outcome);
      return Promise.resolve({ ...made, ...outcome });
    },
  };
  const backups = createBackups(
    writer,
    (event) => told.push(event),
    5,
    () => clock.now,
  );
  const consider = async (saved: Partial<Generation> = {}) => {
    backups.consider({ ...generation, ...saved });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { asked, told, clock, backups, consider };
}

describe("the backup of the day", () => {
  it("is made after the first finite save of each day, and leaves room for more saves", async () => {
    const { asked, told, clock, consider } = withOutcomes({ removed: ["old"] }, { backup: undefined });
    await consider({ nonFinite: 1 });
    expect(asked).toEqual([]);
    await consider();
    await consider();
    expect(asked).toEqual([{ keep: 5, reserve: 300 }]);
    const { folder, bytes, id } = generation;
    expect(told).toEqual([{ type: "backed-up", id, folder, bytes, seconds: 0, removed: ["old"] }]);
    clock.now += 15 * hour;
    await consider();
    await consider();
    expect(asked).toHaveLength(2);
    // Another session had made that day's already: nothing to tell.
    expect(told).toHaveLength(1);
  });

  it("is made anew in its place after six hours", async () => {
    const clockOf = (hours: number) => new Date(2026, 0, 1, 9 + hours).toISOString();
    const { asked, clock, consider } = withOutcomes(
      {},
      { backup: undefined, existing: { ...generation, verifiedAt: clockOf(3) } },
      {},
    );
    for (const [hours, times] of [
      [0, 1],
      [5.9, 1],
      [6, 2],
      [8.9, 2],
      [9, 3],
    ] as const) {
      clock.now = new Date(2026, 0, 1, 9).getTime() + hours * hour;
      await consider();
      expect(asked).toHaveLength(times);
    }
  });

  it("that fails is told, and tried again an hour later", async () => {
    const full = new GuardapesosError("DISK_FULL", { folder: "weights/backups", needed: 2, free: 1 });
    const { asked, told, clock, consider } = withOutcomes(full, {});
    await consider();
    const { code, data, message } = full;
    expect(told).toEqual([{ type: "backup-failed", code, data, message, retrySeconds: 3600 }]);
    clock.now += hour - 1;
    await consider();
    expect(asked).toHaveLength(1);
    clock.now += 1;
    await consider();
    expect(told.map(({ type }) => type)).toEqual(["backup-failed", "backed-up"]);
  });

  it("is not begun, and not told of, when training has ended", async () => {
    const { asked, told, backups, consider } = withOutcomes(new Error("called off"));
    backups.consider(generation);
    backups.close();
    await consider();
    expect(asked).toHaveLength(1);
    expect(told).toEqual([]);
  });

  it("is left out where none are to be kept", () => {
    const asked: unknown[] = [];
    const backup = (options: unknown) => {
      asked.push(options);
      return Promise.reject(new Error());
    };
    createBackups({ backup }, () => undefined, 0).consider(generation);
    expect(asked).toEqual([]);
  });
});
