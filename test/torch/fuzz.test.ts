/** Files damaged by chance; forty times as many in the soak (torch.soak.ts). */
import fc from "fast-check";
import { expect, it } from "vitest";
import { anyPickles, damagedFiles, goodFiles, goodRecords, hostilePickles } from "./mutations.js";

it("reads the good files, the same values from each", async () => {
  const [written, stored, deflated] = await goodFiles();
  expect(stored!.content).toBe(written!.content);
  expect(deflated!.content).toBe(written!.content);
});

it("reads a damaged file rightly or not at all", async () => {
  await fc.assert(damagedFiles(await goodFiles()), { numRuns: 3000 });
});

it("ends on every pickle that was changed", async () => {
  await fc.assert(hostilePickles(await goodRecords()), { numRuns: 1000 });
});

it("ends on every pickle of opcodes by chance", async () => {
  await fc.assert(anyPickles(), { numRuns: 1000 });
});
