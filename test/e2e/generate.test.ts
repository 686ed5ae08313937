/** Images from a checkpoint: the same seed draws the same files, wherever the weights lie. */
import { copyFile, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { call, errorOf, words, type Settings } from "../harness/cli.js";
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
