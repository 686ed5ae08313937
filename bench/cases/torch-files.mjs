/**
 * Writing and reading a full-size pair with Adam (582 MB), against torch.save and torch.load in the same run and
 * against the plain write of the same bytes. Taken in turn, so that whatever else the machine does meets all of them alike.
 *   node bench/cases/torch-files.mjs [FOLDER] [--quick] [--rounds=N]      FOLDER decides which disk is measured; 2 GB free
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runAlone } from "../harness/options.mjs";
import { startTorch } from "../harness/processes.mjs";
import { product } from "../harness/product.mjs";
import { row, say } from "../harness/rows.mjs";

const { dict, float32Tensor, isKind, readTorchFile, writeTorchFile } = await product("torch/index.js");

/** @typedef {import("../../src/torch/index.js").TorchValue} TorchValue */
/** @typedef {import("../../src/torch/index.js").TypedArray} TypedArray */
/** @typedef {{ value: TorchValue, arrays: readonly TypedArray[] }} Content a file's value, its tensors in memory, and their arrays */

const names = /** @type {const} */ (["generator", "critic"]);
const endings = ["ours.pth", "plain", "torch.pth"];

/**
 * Without PyTorch: as many numbers in as many tensors.
 * @param {(name: string) => string} pathOf
 * @param {number} size
 */
async function makePair(pathOf, size) {
  for (const name of names) {
    const tensors = Array.from({ length: 78 }, (_, i) => [
      `layer.${i}`,
      float32Tensor([size], Float32Array.from({ length: size }, Math.random)),
    ]);
    await writeTorchFile(pathOf(name), dict(Object.fromEntries(tensors)));
  }
}

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/**
 * A file that is never synced: only the page cache is measured.
 * @type {import("../../src/torch/index.js").OpenSink}
 */
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

/**
 * A file's value with its tensors in memory, as a training holds them, shared storages shared.
 * @param {string} path
 * @returns {Promise<Content>}
 */
async function inMemory(path) {
  const file = await readTorchFile(path);
  /** @type {Map<unknown, TypedArray>} */
  const arrays = new Map();
  /** @type {(value: TorchValue) => Promise<TorchValue>} */
  const copyOf = async (value) => {
    if (value instanceof Map) {
      /** @type {import("../../src/torch/index.js").TorchDict} */
      const copy = new Map();
      for (const [key, item] of value) copy.set(key, await copyOf(item));
      if (value.pythonType) copy.pythonType = value.pythonType;
      if (value.attributes) copy.attributes = value.attributes;
      return copy;
    }
    if (Array.isArray(value)) return Promise.all(value.map(copyOf));
    if (!isKind(value, "tensor")) return value;
    const { identity } = value.storage;
    const array = arrays.get(identity) ?? (await value.read());
    arrays.set(identity, array);
    if (!(array instanceof Float32Array)) throw new Error("Only float32 is measured");
    return float32Tensor(value.shape, array);
  };
  const value = await copyOf(file.value);
  await file.close();
  return { value, arrays: [...arrays.values()] };
}

/**
 * @param {string} path
 * @param {readonly TypedArray[]} arrays
 * @param {boolean} sync
 */
async function plainWrite(path, arrays, sync) {
  const handle = await open(path, "wx");
  for (const array of arrays) {
    const whole = new Uint8Array(array.buffer);
    for (let at = 0; at < whole.length; at += 4 * 2 ** 20)
      await handle.write(whole, at, Math.min(4 * 2 ** 20, whole.length - at));
  }
  if (sync) await handle.sync();
  await handle.close();
}

/** @param {(name: string) => string} pathOf */
async function openBoth(pathOf) {
  for (const name of names) await (await readTorchFile(pathOf(name))).close();
}

/**
 * @param {(name: string) => string} pathOf
 * @returns what was read: it is held until all is read, as a training holds it
 */
async function readBoth(pathOf) {
  const held = [];
  for (const name of names) {
    const file = await readTorchFile(pathOf(name));
    const arrays = new Map();
    for (const [, tensor] of file.tensors()) {
      const { identity } = tensor.storage;
      if (!arrays.has(identity)) arrays.set(identity, await tensor.read());
    }
    held.push(arrays);
    await file.close();
  }
  return held;
}

/**
 * What is timed in turn: by name, something that gives milliseconds.
 * @param {string} work the folder
 * @param {(name: string, ending?: string) => string} pathOf
 * @param {Awaited<ReturnType<typeof startTorch>>} torch
 * @returns {Promise<ReadonlyMap<string, () => Promise<number>>>}
 */
async function contenders(work, pathOf, torch) {
  /** @type {[typeof names[number], Content][]} */
  const contents = [];
  for (const name of names) contents.push([name, await inMemory(pathOf(name))]);
  const plain = async (/** @type {boolean} */ sync) => {
    for (const [name, { arrays }] of contents) await plainWrite(pathOf(name, "plain"), arrays, sync);
  };
  const ours = async (/** @type {boolean} */ sync) => {
    const options = sync ? {} : { open: openUnsynced };
    for (const [name, { value }] of contents) await writeTorchFile(pathOf(name, "ours.pth"), value, options);
  };
  /** @type {Map<string, () => Promise<number>>} */
  const all = new Map();
  for (const sync of [false, true]) {
    const how = sync ? "synced" : "page cache";
    all.set(`plain, ${how}`, () => timed(() => plain(sync)));
    all.set(`ours, ${how}`, () => timed(() => ours(sync)));
    if (torch) all.set(`torch, ${how}`, () => torch.run("save", work, ...(sync ? ["sync"] : [])));
  }
  all.set("open", () => timed(() => openBoth(pathOf)));
  all.set("read", () => timed(() => readBoth(pathOf)));
  if (torch) all.set("torch, read", () => torch.run("load", work));
  return all;
}

/** @type {import("../harness/types.js").Case["run"]} */
async function run({ quick, folder = tmpdir(), rounds: asked }) {
  const [channels, rounds] = quick ? [32, asked ?? 1] : [512, asked ?? 5];
  const work = await mkdtemp(join(folder, "guardapesos-torch-files-"));
  const pathOf = (/** @type {string} */ name, ending = "pth") => join(work, `${name}.${ending}`);
  const torch = await startTorch(channels);
  /** @type {Map<string, number[]>} */
  const runs = new Map();
  try {
    await (torch === undefined
      ? makePair(pathOf, Math.round(311_000 * (channels / 512) ** 2))
      : torch.run("make", work));
    const all = await contenders(work, pathOf, torch);
    for (let round = 0; round < rounds; round++) {
      say(`round ${round + 1} of ${rounds}`);
      for (const [what, measured] of all) {
        for (const name of names)
          for (const ending of endings) await rm(pathOf(name, ending), { force: true });
        runs.set(what, [...(runs.get(what) ?? []), await measured()]);
      }
    }
    /** @type {(what: string, ours: string, peer?: [string, string], goal?: number) => import("../harness/types.js").Row} */
    const rowOf = (what, ours, peer, goal) =>
      row({
        what,
        unit: "ms",
        ours: runs.get(ours) ?? [],
        ...(peer === undefined ? {} : { peer: runs.get(peer[0]), against: peer[1] }),
        ...(goal === undefined ? {} : { goal }),
      });
    const alone = "pair written, synced, against the bytes alone";
    return [
      rowOf("pair written, page cache", "ours, page cache", ["torch, page cache", "PyTorch"]),
      rowOf("pair written, synced", "ours, synced", ["torch, synced", "PyTorch"], 1),
      rowOf(alone, "ours, synced", ["plain, synced", "plain write"], 1 / 0.9),
      rowOf("pair read, every CRC-32 checked", "read", ["torch, read", "PyTorch"], 1),
      rowOf("pair opened", "open"),
    ];
  } finally {
    torch?.stop();
    await rm(work, { recursive: true, force: true });
  }
}

/** @type {import("../harness/types.js").Case} */
const torchFiles = {
  name: "torch-files",
  title: "Torch files",
  measures: "writing, opening and reading the full-size pair with Adam",
  peer: "torch.save, torch.load and the plain write of the same bytes",
  run,
};
export default torchFiles;

await runAlone(import.meta.url, torchFiles);
