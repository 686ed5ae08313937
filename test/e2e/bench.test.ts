/** That the benchmark works, by its quick run of the parts that take seconds; no figure is looked at. */
import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { expect, test } from "vitest";
import { testFolder } from "../harness/folder.js";

interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer?: number;
  readonly ratio?: number;
  readonly spread: number;
  readonly runs: number;
}

const script = fileURLToPath(new URL("../../bench/run.mjs", import.meta.url));

test("has every case, under the name of its file", async () => {
  const files = await readdir(new URL("../../bench/cases/", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--help"]);
  const named = [...stdout.matchAll(/^ {2}([a-z-]+) +\S/gm)].map(([, name]) => name!);
  expect(named.sort()).toEqual(
    [...files.filter((file) => file !== "index.mjs").map((file) => file.replace(".mjs", "")), "svg"].sort(),
  );
});

test("measures every named part, and writes the table, the result and the picture", async () => {
  const folder = await testFolder();
  const parts = ["steps", "torch-files", "heat"];
  const words = [script, ...parts, "--quick", `--out=${folder}`];
  const { stdout } = await promisify(execFile)(process.execPath, words);

  const [file, picture] = (await readdir(folder)).sort();
  expect(file).toMatch(/^\d{4}-\d\d-\d\d-[a-z0-9-]+\.json$/);
  const { machine, sections } = JSON.parse(await readFile(join(folder, file!), "utf8")) as {
    machine: Record<string, unknown>;
    sections: { part: string; title: string; rows: Row[] }[];
  };
  expect(machine).toMatchObject({ node: process.version, onnxruntime: expect.any(String) as string });
  expect(sections.map(({ part }) => part)).toEqual(parts);
  for (const { title, rows } of sections) {
    expect(stdout).toContain(title);
    expect(rows).not.toHaveLength(0);
    for (const { what, unit, ours, peer, ratio, spread, runs } of rows) {
      expect(stdout).toContain(what);
      expect({ what, good: ours > 0 && spread >= 0 && runs > 0 }).toEqual({ what, good: true });
      expect(typeof unit).toBe("string");
      if (peer !== undefined) expect(ratio).toBeCloseTo(ours / peer, 12);
    }
  }

  const drawn = await readFile(join(folder, picture!));
  expect(await sharp(drawn).metadata()).toMatchObject({ format: "svg" });
  const compared = sections.flatMap(({ rows }) => rows).filter(({ peer }) => peer !== undefined);
  if (machine["pytorch"] !== undefined) expect(drawn.toString()).toContain(compared[0]!.what);
}, 180_000);
