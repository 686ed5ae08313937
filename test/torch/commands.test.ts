/** `inspect` and `convert` on every gold file, good and hostile, as one who types them. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "../../src/cli/main.js";
import { createOutput } from "../../src/cli/output.js";
import { loadedServices } from "../../src/cli/services.js";
import { dict, float32Tensor, writeSafetensors, writeTorchFile } from "../../src/torch/index.js";
import { gold2Files, goldFiles, goldFolder, goldMissing, hostileFiles } from "./gold.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "torch-commands-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function call(...typed: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const streams = [stdout, stderr] as unknown as readonly [NodeJS.WriteStream, NodeJS.WriteStream];
  const output = createOutput(...streams, { environment: {}, platform: "linux" });
  const surroundings = { environment: {}, locale: "en", folder, version: "0", services: loadedServices };
  const { exitCode: code } = await runProgram(typed, output, surroundings);
  stdout.end();
  stderr.end();
  return { code, out: await text(stdout), err: await text(stderr) };
}

describe("inspect and verify of what other programs wrote", () => {
  /** Weights in two files, with their index. */
  async function shards(name: string): Promise<string> {
    const place = join(folder, name);
    await mkdir(place);
    const map: Record<string, string> = {};
    for (const number of [1, 2]) {
      const file = `model-0000${number}-of-00002.safetensors`;
      await writeSafetensors(join(place, file), [
        [`w${number}`, float32Tensor([2], Float32Array.of(number, NaN))],
      ]);
      map[`w${number}`] = file;
    }
    await writeFile(join(place, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
    return place;
  }

  it("calls nothing verified that its files can't prove, and counts the NaN", async () => {
    const place = await shards("whole");
    for (const [command, type] of [
      ["inspect", "inspected"],
      ["verify", "verified"],
    ] as const) {
      const { code, out, err } = await call(command, place, "--json");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const unseen = ["unchecked", "one-save"];
      expect(JSON.parse(out)).toMatchObject({ type, verdict: "unknown", problems: [], unseen, nan: 2 });
      const [es, en] = [await call(command, place, "--lang", "es"), await call(command, place)];
      expect(es.out).toContain("no se da por verificado");
      expect(en.out).toContain("it is not called verified");
      expect([es.code, en.code]).toEqual([0, 0]);
    }
  });

  it("ends with 65 and names the file that is missing", async () => {
    const place = await shards("broken");
    await rm(join(place, "model-00002-of-00002.safetensors"));
    for (const command of ["inspect", "verify"]) {
      const { code, out } = await call(command, place);
      expect(code).toBe(65);
      expect(out).toContain("is not whole: model-00002-of-00002.safetensors is missing");
    }
    const { out } = await call("verify", place, "--json");
    const problems = [{ file: "model-00002-of-00002.safetensors", reason: "missing" }];
    expect(JSON.parse(out)).toMatchObject({ verdict: "not-whole", whole: false, problems });
  });

  it("proves a single file whole, or finds what has changed in it", async () => {
    const path = join(folder, "net.pt");
    await writeTorchFile(path, dict({ w: float32Tensor([4], Float32Array.of(1, 2, 3, 4)), epoch: 3 }));
    const good = await call("verify", path, "--json");
    expect(good.code).toBe(0);
    const progress = { epoch: 3 };
    expect(JSON.parse(good.out)).toMatchObject({ kind: "torch", verdict: "whole", whole: true, progress });
    const bytes = await readFile(path);
    bytes[bytes.indexOf(Buffer.from(Float32Array.of(1, 2).buffer))]! ^= 1;
    await writeFile(path, bytes);
    const bad = await call("verify", path);
    expect(bad.code).toBe(65);
    expect(bad.out).toContain("CRC-32");
  });

  it("says of a folder without any that there is none", async () => {
    await mkdir(join(folder, "empty"));
    for (const command of ["inspect", "verify"]) {
      const { code, out, err } = await call(command, join(folder, "empty"));
      expect({ code, out }).toEqual({ code: 66, out: "" });
      expect(err).toMatch(/^Error: There is no checkpoint in .*empty: .*\.\n$/);
    }
  });
});

describe.skipIf(goldMissing !== undefined)("inspect", () => {
  it.each(goldFiles().map(({ file }) => file))("shows every tensor of %s", async (file) => {
    const gold = goldFiles().find((one) => one.file === file)!;
    const path = join(goldFolder, "torchfile", file);
    const { code, out, err } = await call("inspect", path, "--stats", "--lang", "es");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(gold.format === "zip" ? "PyTorch (zip)" : "PyTorch (legacy)");
    expect(out).not.toMatch(/undefined|\[object/);
    const json = JSON.parse((await call("inspect", path, "--json")).out) as { tensors: { name: string; dtype: string; shape: number[] }[] }; // prettier-ignore
    const found = json.tensors.map(({ dtype, shape }) => [dtype, shape]);
    expect(found).toEqual(gold.tensors.map(({ dtype, shape }) => [dtype, shape]));
    for (const { name } of json.tensors.filter((one) => !one.name.includes(".state.")))
      expect(out).toContain(name);
  });

  it.each(gold2Files().map(({ file }) => file))("takes %s of PyTorch 2 for what it is", async (file) => {
    const good = gold2Files().find((one) => one.file === file)!.tensors !== undefined;
    const { code, err } = await call("inspect", join(goldFolder, "torch2", file), "--stats");
    expect(code, err).toBe(good ? 0 : 65);
  });

  it.each(hostileFiles().map(({ file, verdict }) => [file, verdict] as const))(
    "gives %s its verdict, %s, in both languages",
    async (file, verdict) => {
      const path = join(goldFolder, "torchfile", "hostile", file);
      const [es, en] = [await call("inspect", path, "--lang", "es"), await call("inspect", path)];
      if (verdict === "no_harm") expect([0, 65]).toContain(es.code);
      else expect(es.code, es.err).toBe(verdict.startsWith("accept") ? 0 : 65);
      expect(en.code).toBe(es.code);
      if (es.code === 0) return;
      expect([es.out, en.out]).toEqual(["", ""]);
      for (const { err } of [es, en]) expect(err).toMatch(/^Error: [^\n]+[.]\n$/);
      const wordsOf = (err: string) => new Set(err.match(/\b(the|is|it|and|of|to)\b/g));
      expect(wordsOf(es.err)).toEqual(new Set());
      const { out } = await call("inspect", path, "--json");
      expect(JSON.parse(out)).toMatchObject({ type: "error", exitCode: 65 });
      const target = join(folder, `${file}.safetensors`);
      expect((await call("convert", path, target)).code).toBe(65);
      expect(await readdir(folder)).not.toContain(`${file}.safetensors`);
    },
  );
});

it("says what is not a file, and what is not there, in one sentence", async () => {
  const [no, odd] = [await call("inspect", join(folder, "no.pth"), "--lang", "es"), await call("inspect", "/dev/null")];
  expect([no.code, odd.code]).toEqual([66, 66]);
  expect(no.err).toMatch(/^Error: No existe .*no\.pth\. Comprueba la ruta\.\n$/);
  expect(odd.err).toMatch(/ is not a file\. Check the path\.\n$/);
}); // prettier-ignore

it("shows names from the file without what a terminal would obey", async () => {
  const path = join(folder, "names.pth");
  const name = "a\u001b[2J\u202e\u009b31m";
  await writeTorchFile(path, dict({ [name]: float32Tensor([1], Float32Array.of(1)), epoch: 3 }));
  const { out } = await call("inspect", path, "--stats");
  expect(out).toContain("a\\u001b[2J\\u202e\\u009b31m");
  expect(out).toContain("epoch: 3");
  expect(out).not.toMatch(/[\u001b\u202e\u009b]/); // eslint-disable-line no-control-regex -- that is the point
});

describe("convert", () => {
  it("leaves nothing behind when the data turns out to be damaged on the way", async () => {
    const from = join(folder, "damaged.pth");
    const numbers = { a: float32Tensor([4], new Float32Array(4)), z: float32Tensor([4], new Float32Array(4).fill(7)) };
    await writeTorchFile(from, dict(numbers));
    const bytes = await readFile(from);
    const sevens = bytes.indexOf(Buffer.from(new Float32Array(4).fill(7).buffer));
    bytes[sevens]! ^= 1;
    await writeFile(from, bytes);
    for (const ending of ["safetensors", "pth"]) {
      const told = await call("convert", from, join(folder, `of-damaged.${ending}`));
      expect(told).toMatchObject({ code: 65, out: "" });
      expect(told.err).toContain("CRC-32");
    }
    expect((await readdir(folder)).filter((name) => name.startsWith("of-damaged"))).toEqual([]);
  }); // prettier-ignore

  it("never writes over a file, and says so", async () => {
    const from = join(folder, "good.pth");
    const to = join(folder, "mine.safetensors");
    await writeTorchFile(from, dict({ w: float32Tensor([1], Float32Array.of(1)) }));
    await writeFile(to, "mine");
    const told = await call("convert", from, to, "--lang", "es");
    expect(told.code).toBe(73);
    expect(told.err).toMatch(/mine\.safetensors ya existe/);
    expect(await readFile(to, "utf8")).toBe("mine");
    expect((await call("convert", from, from)).code).toBe(73);
  });
});
