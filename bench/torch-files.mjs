/**
 * Writing and reading a full-size pair with Adam (582 MB), against torch.save and torch.load in the same run and
 * against the plain write of the same bytes. Medians of 5, taken in turn, so that whatever else the machine does
 * meets all of them alike.
 *
 *   node bench/torch-files.mjs [FOLDER]      FOLDER decides which disk is measured; 2 GB free
 *
 * PyTorch is that of GUARDAPESOS_PYTHON, /usr/bin/python3 by default; without it, its lines are left out.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { buildIfStale } from "../bin/build.mjs";

await buildIfStale();
const { dict, float32Tensor, readTorchFile, writeTorchFile } = await import("../dist/torch/index.js");

const ROUNDS = 5;
const names = ["generator", "critic"];
const folder = await mkdtemp(join(process.argv[2] ?? tmpdir(), "torch-files-"));
const pathOf = (name, ending = "pth") => join(folder, `${name}.${ending}`);

/** PyTorch, waiting for commands; undefined where there is none. */
async function startTorch() {
  const script = fileURLToPath(new URL("./torch-files.py", import.meta.url));
  const child = spawn(process.env.GUARDAPESOS_PYTHON ?? "/usr/bin/python3", [script], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const failed = new Promise((resolve) => child.once("error", () => resolve(undefined)));
  const first = await Promise.race([lines.next(), failed]);
  if (first === undefined || first.done) return undefined;
  return {
    facts: JSON.parse(first.value),
    async run(...command) {
      child.stdin.write(`${command.join(" ")}\n`);
      return JSON.parse((await lines.next()).value) * 1000;
    },
    stop: () => child.stdin.end(),
  };
}

/** Without PyTorch: as many numbers in as many tensors. */
async function makePair() {
  for (const name of names) {
    const tensors = Array.from({ length: 78 }, (_, i) => [
      `layer.${i}`,
      float32Tensor([311_000], Float32Array.from({ length: 311_000 }, Math.random)),
    ]);
    await writeTorchFile(pathOf(name), dict(Object.fromEntries(tensors)));
  }
}

async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** A file that is never synced: only the page cache is measured. */
async function openUnsynced(path) {
  const handle = await open(path, "wx");
  const close = () => handle.close();
  return {
    write: async (bytes) => void (await handle.write(bytes)),
    sync: async () => {},
    close,
    discard: close,
  };
}

/** The pair in memory, as a training holds it. */
const pair = new Map();
async function loadPair() {
  for (const name of names) {
    const file = await readTorchFile(pathOf(name));
    for (const [, tensor] of file.tensors()) pair.set(tensor, await tensor.read());
    await file.close();
  }
}

/** Values whose tensors are in memory, shared storages shared. */
async function valueInMemory(name) {
  const file = await readTorchFile(pathOf(name));
  const arrays = new Map();
  const inMemory = async (value) => {
    if (value instanceof Map) {
      const copy = new Map();
      for (const [key, item] of value) copy.set(key, await inMemory(item));
      return Object.assign(copy, { pythonType: value.pythonType, attributes: value.attributes });
    }
    if (Array.isArray(value)) return Promise.all(value.map(inMemory));
    if (value?.kind !== "tensor") return value;
    const { identity } = value.storage;
    if (!arrays.has(identity)) arrays.set(identity, await value.read());
    return float32Tensor(value.shape, arrays.get(identity));
  };
  const value = await inMemory(file.value);
  await file.close();
  return { value, arrays: [...arrays.values()] };
}

const torch = await startTorch();
const results = new Map();
async function measure(what, work) {
  const ms = await work();
  results.set(what, [...(results.get(what) ?? []), ms]);
}

try {
  await (torch === undefined ? makePair() : torch.run("make", folder));
  const contents = new Map();
  for (const name of names) contents.set(name, await valueInMemory(name));
  let bytes = 0;

  const write = async (options) => {
    bytes = 0;
    for (const name of names)
      bytes += (await writeTorchFile(pathOf(name, "ours.pth"), contents.get(name).value, options)).bytes;
  };
  const plain = async (sync) => {
    for (const name of names) {
      const handle = await open(pathOf(name, "plain"), "wx");
      for (const array of contents.get(name).arrays) {
        const whole = new Uint8Array(array.buffer);
        for (let at = 0; at < whole.length; at += 4 * 2 ** 20)
          await handle.write(whole, at, Math.min(4 * 2 ** 20, whole.length - at));
      }
      if (sync) await handle.sync();
      await handle.close();
    }
  };
  const remove = async () => {
    for (const name of names) {
      for (const ending of ["ours.pth", "plain", "torch.pth"])
        await rm(pathOf(name, ending), { force: true });
    }
  };

  for (let round = 0; round < ROUNDS; round++) {
    for (const sync of [false, true]) {
      const where = sync ? "with fsync" : "page cache";
      await remove();
      await measure(`plain write, ${where}`, () => timed(() => plain(sync)));
      await remove();
      await measure(`writeTorchFile, ${where}`, () => timed(() => write(sync ? {} : { open: openUnsynced })));
      await remove();
      if (torch)
        await measure(`torch.save, ${where}`, () => torch.run("save", folder, ...(sync ? ["sync"] : [])));
    }
    await remove();
    await measure("readTorchFile, open only", () =>
      timed(async () => {
        for (const name of names) await (await readTorchFile(pathOf(name))).close();
      }),
    );
    pair.clear();
    await measure("readTorchFile and every tensor", () => timed(loadPair));
    if (torch) await measure("torch.load and load_state_dict", () => torch.run("load", folder));
  }

  const median = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
  console.log(
    `${(bytes / 1e6).toFixed(0)} MB, Node ${process.version}, PyTorch ${torch?.facts.torch ?? "not here"}, median (fastest) of ${ROUNDS}`,
  );
  for (const [what, times] of results) {
    const rate = what.includes("open only") ? "" : `${(bytes / 1e3 / median(times)).toFixed(0)} MB/s`;
    const fastest = `(${Math.min(...times).toFixed(0)})`;
    console.log(
      `${what.padEnd(34)} ${median(times).toFixed(0).padStart(6)} ${fastest.padStart(7)} ms  ${rate}`,
    );
  }
} finally {
  torch?.stop();
  if (existsSync(folder)) await rm(folder, { recursive: true });
}
