import { expect, it } from "vitest";
import { createFreeList } from "./free-list.js";

const listOf = (most?: number) =>
  createFreeList(
    (size) => new Uint8Array(size),
    ({ length }) => length,
    most,
  );

it("gives what was given back once, by its size, and else what is new", () => {
  const list = listOf();
  const [small, large] = [list.take(8), list.take(16)];
  expect([small.length, large.length]).toEqual([8, 16]);
  list.give(small);
  list.give(large);
  expect(list.take(24).length).toBe(24);
  expect(list.take(8)).toBe(small);
  expect(list.take(8)).not.toBe(small);
  expect(list.take(16)).toBe(large);
});

it("keeps no more of a size than it may, and nothing once it was cleared", () => {
  const list = listOf(2);
  const given = [1, 2, 3].map(() => new Uint8Array(8));
  for (const one of given) list.give(one);
  const taken = [1, 2, 3].map(() => list.take(8));
  expect(taken.filter((one) => given.includes(one))).toHaveLength(2);
  list.give(taken[0]!);
  list.clear();
  expect(list.take(8)).not.toBe(taken[0]);
});
