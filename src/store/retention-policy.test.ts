import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkpointKinds,
  decideRetention,
  defaultRetention,
  type RetentionRules,
} from "../checkpoint/index.js";
import { underPressure, type Keepable } from "./retention-policy.js";

const one = (sequence: number, facts: Partial<Keepable> = {}): Keepable => ({
  id: `g${sequence}`,
  sequence,
  run: "a",
  kind: "auto",
  step: sequence * 100,
  verified: true,
  nonFinite: 0,
  keptByHand: false,
  nameRemoved: false,
  ...facts,
});

const removedIds = (generations: readonly Keepable[], rules: Partial<RetentionRules> = {}, run?: string) =>
  decideRetention(generations, { ...defaultRetention, ...rules }, run).removed.map(({ id }) => id);

const keepables = fc
  .array(
    fc.record({
      run: fc.constantFrom("a", "b"),
      kind: fc.constantFrom(...checkpointKinds),
      step: fc.nat(2000),
      verified: fc.boolean(),
      nonFinite: fc.constantFrom(0, 0, 0, 3),
      keptByHand: fc.boolean(),
      nameRemoved: fc.boolean(),
    }),
    { maxLength: 30 },
  )
  .map((facts) => facts.map((fact, i) => one(i + 1, fact)));

const ruleSets: fc.Arbitrary<RetentionRules> = fc.record({
  verified: fc.nat(3),
  autos: fc.nat(3),
  epochs: fc.nat(3),
  stages: fc.constantFrom(0, 1, Infinity),
  emergencies: fc.constantFrom(0, 1, Infinity),
  everySteps: fc.constantFrom(0, 500),
});

describe("what is kept", () => {
  it("is, together with what is removed, everything; each once, with a reason", () => {
    fc.assert(
      fc.property(keepables, ruleSets, fc.constantFrom(undefined, "a"), (generations, rules, run) => {
        const { kept, removed } = decideRetention(generations, rules, run);
        const ids = [...kept, ...removed].map(({ id }) => id);
        expect(ids.sort()).toEqual(generations.map(({ id }) => id).sort());
        expect([...kept, ...removed].every(({ reason }) => reason.length > 0)).toBe(true);
      }),
    );
  });

  it("always has the newest verified finite ones, and everything newer than them", () => {
    fc.assert(
      fc.property(keepables, ruleSets, (generations, rules) => {
        const kept = new Set(decideRetention(generations, rules).kept.map(({ id }) => id));
        for (const run of ["a", "b"]) {
          const mine = generations.filter((g) => g.run === run).sort((x, y) => y.sequence - x.sequence);
          const guards = mine
            .filter((g) => g.verified && g.nonFinite === 0)
            .slice(0, Math.max(1, rules.verified));
          const oldest = guards.at(-1)?.sequence ?? 0;
          // Of what is not finite only the newest stay.
          const isSpoilt = (g: Keepable) => g.verified && g.nonFinite > 0;
          for (const g of mine) if (g.sequence >= oldest && !isSpoilt(g)) expect(kept).toContain(g.id);
        }
      }),
    );
  });

  it("has all that a person wants kept, and all of another run", () => {
    fc.assert(
      fc.property(keepables, ruleSets, (generations, rules) => {
        const removed = decideRetention(generations, rules, "a").removed.map(({ id }) => id);
        const gone = generations.filter(({ id }) => removed.includes(id));
        expect(gone.some((g) => g.keptByHand || g.run === "b" || g.kind === "manual")).toBe(false);
      }),
    );
  });

  it("does not depend on the order in which generations are given, and is stable", () => {
    fc.assert(
      fc.property(keepables, ruleSets, (generations, rules) => {
        const first = decideRetention(generations, rules);
        expect(decideRetention([...generations].reverse(), rules)).toEqual(first);
        const left = generations.filter(({ id }) => first.kept.some((kept) => kept.id === id));
        expect(decideRetention(left, rules).removed).toEqual([]);
      }),
    );
  });

  it("by default: two automatic saves, one epoch, every stage, every emergency", () => {
    const generations = [
      one(1, { kind: "stage" }),
      one(2, { kind: "epoch" }),
      one(3, { kind: "emergency" }),
      one(4, { kind: "epoch" }),
      ...[5, 6, 7, 8].map((sequence) => one(sequence)),
    ];
    expect(removedIds(generations).sort()).toEqual(["g2", "g5", "g6"]);
  });

  it("is everything while too few are verified", () => {
    expect(removedIds([1, 2, 3, 4, 5].map((n) => one(n, { verified: n === 4 })))).toEqual([]);
  });

  it("does not let spoilt saves push out sound ones, and has only the newest two of them", () => {
    const spoilt = [3, 4, 5, 6].map((n) => one(n, { nonFinite: 1 }));
    expect(removedIds([one(1), one(2), ...spoilt]).sort()).toEqual(["g3", "g4"]);
    const more = [one(1), one(2), ...spoilt, one(7), one(8)];
    expect(removedIds(more).sort()).toEqual(["g1", "g2", "g3", "g4"]);
  });

  it("is bounded where nothing is finite, whatever the kinds, but for what a person wants kept", () => {
    const kinds = ["stage", "emergency", "auto", "epoch", "manual"] as const;
    const spoilt = Array.from({ length: 50 }, (_, i) =>
      one(i + 1, { nonFinite: 7, kind: kinds[i % kinds.length]!, keptByHand: i === 0 }),
    );
    const removed = removedIds(spoilt);
    const kept = spoilt.filter(({ id }) => !removed.includes(id));
    const byHand = kept.filter((g) => g.keptByHand || g.kind === "manual");
    expect(kept.length - byHand.length).toBe(2);
    expect(byHand).toHaveLength(11);
  });

  it("is one for every so many steps, for good", () => {
    const generations = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((n) => one(n));
    expect(removedIds(generations, { everySteps: 500 }).sort()).toEqual(
      ["g2", "g3", "g4", "g6", "g7", "g8", "g9"].sort(),
    );
  });

  it("shrinks step by step when the disk is full: automatic saves, then old emergencies, never epochs and stages", () => {
    const generations = [
      one(1, { kind: "epoch" }),
      one(2),
      one(3),
      ...[4, 5, 6, 7].map((n) => one(n, { kind: "emergency" as const })),
      one(8, { kind: "stage" }),
      one(9),
      one(10),
      ...[11, 12].map((n) => one(n, { kind: "emergency" as const, run: "b" })),
      one(13, { run: "b" }),
      one(14, { run: "b" }),
    ];
    const wanted = { ...defaultRetention, autos: 5 };
    const steps = underPressure(wanted).map(({ rules, everyRun }) =>
      removedIds(generations, rules, everyRun ? undefined : "a").sort(),
    );
    expect(steps).toEqual([
      ["g2", "g3"],
      ["g2", "g3", "g4"],
      ["g11", "g2", "g3", "g4", "g5", "g6"],
    ]);
  });

  it("leans on the newest verified ones of each run that loses something, and on nothing where nothing goes", () => {
    const generations = [1, 2, 3, 4].map((n) => one(n)).concat([5, 6].map((n) => one(n, { run: "b" })));
    expect(decideRetention(generations, defaultRetention)).toMatchObject({ guards: ["g4", "g3"] });
    expect(decideRetention(generations.slice(4), defaultRetention).guards).toEqual([]);
  });

  it("lets an emergency go whose files a person has deleted", () => {
    const generations = [one(1, { kind: "emergency", nameRemoved: true }), one(2), one(3)];
    expect(decideRetention(generations, defaultRetention).removed).toEqual([
      { id: "g1", reason: "names-deleted-by-hand" },
    ]);
  });
});
