import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Lineage, SaveId, Sequence } from "./brands.js";
import { enoughForNow, newestBackupsFirst, outdatedBy, type Dated } from "./backup-policy.js";

const noon = new Date(2026, 10, 30, 12);
const now = noon.getTime();
const hoursAgo = (hours: number): string => new Date(now - hours * 3600_000).toISOString();
const series = { label: "DRUSEN", name: "local", class: "DRUSEN" };

function of(run: string, sequence: number, saved: string, more: Partial<Dated> = {}): Dated {
  const id = `2026-11-${String(sequence).padStart(2, "0")}`;
  const saveId = `${run}${sequence}` as SaveId;
  const about = { series, savedAt: saved, verifiedAt: saved, keptByHand: false };
  return { id, lineage: run as Lineage, sequence: sequence as Sequence, saveId, ...about, ...more };
}
const order = (...all: Dated[]): string[] => newestBackupsFirst(all, now).map(({ saveId }) => saveId);
const future = "2099-01-01T00:00:00.000Z";

describe("which backup is newer", () => {
  it("is told by the sequence within one descent, whatever the clock said", () => {
    expect(order(of("a", 1, future), of("a", 3, hoursAgo(50)), of("a", 2, hoursAgo(1)))).toEqual([
      "a3",
      "a2",
      "a1",
    ]);
  });

  it("is told by the time of saving between two", () => {
    expect(order(of("a", 9, hoursAgo(5)), of("b", 2, hoursAgo(3)), of("a", 8, hoursAgo(7)))).toEqual([
      "b2",
      "a9",
      "a8",
    ]);
  });

  it("is not told by a time that was wrong: that of those beside it counts", () => {
    const wrongLate = [of("a", 1, hoursAgo(9)), of("a", 2, future), of("b", 3, hoursAgo(4))];
    expect(order(...wrongLate)).toEqual(["b3", "a2", "a1"]);
    const wrongEarly = [of("a", 1, future), of("a", 2, hoursAgo(9)), of("b", 3, hoursAgo(10))];
    expect(order(...wrongEarly)).toEqual(["a2", "a1", "b3"]);
    expect(order(of("a", 7, future), of("b", 1, hoursAgo(400)))).toEqual(["b1", "a7"]);
  });

  it("is one order, in which each descent is in its own, whatever is there and however it is given", () => {
    const some = fc.record({
      run: fc.constantFrom("a", "b", "c"),
      sequence: fc.nat(9),
      hours: fc.integer({ min: -9, max: 9 }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(some, { selector: ({ run, sequence }) => `${run}${sequence}` }),
        fc.nat(99),
        (all, turn) => {
          const backups = all.map(({ run, sequence, hours }) =>
            of(run, sequence, hoursAgo(hours), { id: `2026-11-0${sequence}_${run}` }),
          );
          const sorted = newestBackupsFirst(backups, now);
          for (const run of "abc") {
            const own = sorted.filter((one) => one.lineage === run).map(({ sequence }) => sequence);
            expect(own).toEqual([...own].sort((a, b) => b - a));
          }
          const turned = [...backups.slice(turn % 7), ...backups.slice(0, turn % 7)];
          expect(newestBackupsFirst(turned, now)).toEqual(sorted);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("whether a backup is due", () => {
  const today = (hours: number, more: Partial<Dated> = {}) =>
    of("a", 5, hoursAgo(hours), { id: "2026-11-30_2", ...more });
  const source = of("a", 6, hoursAgo(0));

  it.each<[string, Dated, boolean]>([
    ["made five hours ago", today(5), false],
    ["made six hours ago", today(6), true],
    ["of the same save", today(9, { saveId: source.saveId }), false],
    ["made in the future", today(-3), true],
    ["never verified", today(1, { verifiedAt: undefined }), true],
    ["of another day", today(1, { id: "2026-11-29" }), true],
    ["of another class", today(1, { series: { ...series, class: "DRUSEN+" } }), true],
    ["of another name", today(1, { series: { ...series, name: "night" } }), true],
    ["of another descent", today(1, { lineage: "b" as Lineage }), true],
  ])("beside one %s", (_, existing, due) => {
    expect(enoughForNow([existing], source, noon) === undefined).toBe(due);
  });
});

describe("what goes when a backup has been made", () => {
  const made = of("a", 40, hoursAgo(0), { id: "2026-11-30" });
  const gone = (all: readonly Dated[], keep = 7) => outdatedBy(all, made, keep, noon).map(({ id }) => id);

  it("is what the day had of its descent, and what is beyond the newest few of its series", () => {
    const old = [1, 2, 3].map((day) => of("a", day, hoursAgo(1000 - day)));
    const sameDay = of("a", 39, hoursAgo(7), { id: "2026-11-30_4" });
    expect(gone([...old, sameDay, made])).toEqual([sameDay.id]);
    expect(gone([...old, sameDay, made], 2)).toEqual([sameDay.id, old[1]!.id, old[0]!.id]);
    expect(gone([...old, made], 1)).toHaveLength(3);
  });

  it("is never itself, another series', a marked one, or one that is newer", () => {
    const others = [
      made,
      of("a", 1, hoursAgo(1), { series: { ...series, class: "DRUSEN+" }, id: "2026-11-30_2" }),
      of("a", 2, hoursAgo(1), { series: { ...series, name: "x" }, id: "2026-11-30_3" }),
      of("a", 3, hoursAgo(1), { keptByHand: true, id: "2026-11-30_5" }),
      of("b", 4, hoursAgo(900), { series: { label: "DRUSEN", name: "local" } }),
    ];
    expect(gone(others, 1)).toEqual([]);
    expect(gone([made, of("a", 41, hoursAgo(1), { id: "2026-11-30_2" })], 7)).toEqual([]);
    // Of the same descent, from before the class was written down.
    const former = of("a", 4, hoursAgo(900), { series: { label: "DRUSEN", name: "local" } });
    expect(gone([made, former], 1)).toEqual([former.id]);
  });
});
