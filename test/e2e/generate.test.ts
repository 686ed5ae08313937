/** Images from a checkpoint: the same seed draws the same files, wherever the weights lie. */
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, it } from "vitest";
import { convertFile } from "../../src/torch/index.js";
import { call, errorOf, start, words, type Settings } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { filesIn, generationsIn } from "../harness/state.js";
import { trainHere } from "../harness/training.js";

it("generates the same bytes from the newest checkpoint, from its id and from the familiar file alone elsewhere; others from another seed", async () => {
  const folder = await testFolder();
  const { weights } = await trainHere(folder, { maxBatches: 8 });
  const [newest] = await generationsIn(weights);
  const draw = async (out: string, reference: string | undefined, settings: Settings) => {
    const typed = ["generate", ...(reference === undefined ? [] : [reference])];
    const options = words({ count: 3, device: "cpu", threads: 1, out, ...settings });
    const ended = await call(folder, [...typed, ...options]);
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(0);
    const [line] = ended.lines;
    expect(line).toMatchObject({ type: "generated", count: 3, channels: 1, resolution: 8 });
    const files = (line as unknown as { files: string[] }).files;
    expect(files).toHaveLength(3);
    const hashes = Object.values(await filesIn(join(folder, out)));
    expect(hashes).toHaveLength(3);
    expect(new Set(hashes).size).toBe(3);
    return hashes;
  };

  const first = await draw("a", undefined, { seed: 5 });
  expect(await draw("b", newest!.id, { seed: 5 })).toEqual(first);
  const other = await draw("c", "latest", { seed: 6 });
  expect(other.filter((hash) => first.includes(hash))).toEqual([]);

  await mkdir(join(folder, "usb"));
  await copyFile(
    join(weights, "generator_DRUSEN_local.pth"),
    join(folder, "usb", "generator_DRUSEN_local.pth"),
  );
  await rename(weights, join(folder, "gone"));
  expect(await draw("d", join("usb", "generator_DRUSEN_local.pth"), { seed: 5 })).toEqual(first);

  const none = await call(folder, ["generate"]);
  expect(none.code).toBe(66);
  expect(errorOf(none)).toMatchObject({ code: "NOTHING_TO_GENERATE_FROM" });
}, 300_000);

it("draws as far as the weights are trained, says where nothing tells, and never over another file", async () => {
  const folder = await testFolder();
  const { weights } = await trainHere(folder, { maxBatches: 8 });
  const draw = async (...typed: string[]) => {
    const ended = await call(folder, ["generate", ...typed, "--device", "cpu", "--threads", "1"]);
    return ended.lines.at(-1)! as unknown as Record<string, unknown> & { files: string[] };
  };
  // The first of a seed are the same however many are drawn, and get the next numbers.
  const first = await draw("--count", "2", "--out", "one");
  expect(first).toMatchObject({ resolution: 8, resolutionFrom: "checkpoint", written: 2 });
  const second = await draw("--count", "18", "--out", "one");
  const name = (path: string, number: number) => path.replace(/_\d{4}\.png$/, `_${String(number).padStart(4, "0")}.png`);
  expect(second.files).toEqual(Array.from({ length: 18 }, (_, i) => name(first.files[0]!, i + 3)));
  const bytes = (path: string) => readFile(join(folder, path));
  expect(await bytes(second.files[0]!)).toEqual(await bytes(first.files[0]!));
  expect(await bytes(second.files[1]!)).toEqual(await bytes(first.files[1]!));
  expect(await bytes(second.files[16]!)).not.toEqual(await bytes(first.files[0]!));

  expect(await draw("--resolution", "64")).toMatchObject({ type: "error", code: "RESOLUTION_UNTRAINED", exitCode: 64 });
  expect(await draw("--resolution", "4", "--count", "1")).toMatchObject({ resolution: 4, resolutionFrom: "wish" });

  const bare = join(folder, "bare.pth");
  await convertFile(join(weights, "generator_DRUSEN_local.pth"), bare, { weightsOnly: true });
  expect(await draw(bare, "--count", "1")).toMatchObject({ resolution: 64, resolutionFrom: "nothing" });
  const wished = await draw(bare, "--resolution", "8", "--count", "2", "--out", "two");
  expect(wished).toMatchObject({ resolution: 8, resolutionFrom: "wish" });

  await writeFile(join(folder, "grid.jpg"), "mine");
  expect(await draw("--grid", "grid.jpg")).toMatchObject({ code: "OUTPUT_EXISTS", exitCode: 73 });
  expect(await readFile(join(folder, "grid.jpg"), "utf8")).toBe("mine");
  expect(await draw("--grid", "grid.jpg", "--overwrite")).toMatchObject({ files: ["grid.jpg"], written: 1 });
  expect((await bytes("grid.jpg")).subarray(0, 2)).toEqual(Buffer.of(0xff, 0xd8));
  expect(await draw("--grid", "grid.gif")).toMatchObject({ code: "OPTION_INVALID", exitCode: 64 });
  expect(await draw("--overwrite")).toMatchObject({ code: "OPTION_NEEDS", exitCode: 64 });
}, 300_000); // prettier-ignore

it("of any number writes as it draws; Ctrl+C ends it with whole files alone", async () => {
  const folder = await testFolder();
  await trainHere(folder, { maxBatches: 2 });
  const running = start(folder, ["generate", "--count", "2000000000", "--out", "out", "--device", "cpu", "--threads", "1"]);
  const out = join(folder, "out");
  const pictures = async () => (await readdir(out).catch(() => [])).filter((name) => name.endsWith(".png"));
  await expect.poll(async () => (await pictures()).length, { timeout: 60_000 }).toBeGreaterThan(40);
  running.signal("SIGINT");
  const { code, lines } = await running.ended;
  expect(code).toBe(130);
  const names = await readdir(out);
  expect(names.sort()).toEqual(await pictures());
  expect(lines.at(-1)).toMatchObject({ type: "generated", count: 2_000_000_000, written: names.length });
  for (const name of names.slice(-20)) expect((await sharp(join(out, name)).stats()).channels).toHaveLength(1);
}, 120_000); // prettier-ignore
