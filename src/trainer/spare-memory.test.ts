import { expect, it } from "vitest";
import { createSpareMemory } from "./spare-memory.js";

it("gives what was kept once, by its size, and what it lacks new", () => {
  const memory = createSpareMemory();
  const [small, large, surplus, other] = [8, 16, 8, 32].map((bytes) => new ArrayBuffer(bytes));
  memory.keep([small!, large!, surplus!, other!], [8, 16, 24]);
  expect(memory.take(8)).toBe(small);
  expect(memory.take(8)).not.toBe(surplus);
  expect(memory.take(32)).not.toBe(other);
  expect(memory.take(24).byteLength).toBe(24);
  memory.keep([], [16]);
  expect(memory.take(16)).not.toBe(large);
});
