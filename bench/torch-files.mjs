/**
 * Writing and reading a full-size pair with Adam (582 MB), against torch.save and torch.load in the same run and
 * against the plain write of the same bytes. Taken in turn, so that whatever else the machine does meets all of them alike.
 *   node bench/torch-files.mjs [FOLDER] [--quick]      FOLDER decides which disk is measured; 2 GB free
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildIfStale } from "../bin/build.mjs";
import { startTorch } from "./processes.mjs";
import { row, runAlone, say } from "./rows.mjs";

export const title = "Torch files";

const names = ["generator", "critic"];
const endings = ["ours.pth", "plain", "torch.pth"];

/** Without PyTorch: as many numbers in as many tensors. */
async function makePair({ dict, float32Tensor, writeTorchFile }, pathOf, size) {
  for (const name of names) {
    const tensors = Array.from({ length: 78 }, (_, i) => [
      `layer.${i}`,
      float32Tensor([size], Float32Array.from({ length: size }, Math.random)),
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

/** A file's value with its tensors in memory, as a training holds them, shared storages shared; and their arrays. */
async function inMemory({ float32Tensor, readTorchFile }, path) {
  const file = await readTorchFile(path);
  const arrays = new Map();
  const copyOf = async (value) => {
    if (value instanceof Map) {
      const copy = new Map();
      for (const [key, item] of value) copy.set(key, await copyOf(item));
      return Object.assign(copy, { pythonType: value.pythonType, attributes: value.attributes });
    }
    if (Array.isArray(value)) return Promise.all(value.map(copyOf));
    if (value?.kind !== "tensor") return value;
    const { identity } = value.storage;
    if (!arrays.has(identity)) arrays.set(identity, await value.read());
    return float32Tensor(value.shape, arrays.get(identity));
  };
  const value = await copyOf(file.value);
  await file.close();
  return { value, arrays: [...arrays.values()] };
}

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

export async function measure({ quick, folder = tmpdir() }) {
  await buildIfStale();
  const torchFiles = await import("../dist/torch/index.js");
  const { readTorchFile, writeTorchFile } = torchFiles;
  const [channels, rounds] = quick ? [32, 1] : [512, 5];
  const work = await mkdtemp(join(folder, "guardapesos-torch-files-"));
  const pathOf = (name, ending = "pth") => join(work, `${name}.${ending}`);
  const torch = await startTorch(channels);
  const runs = new Map();
  const take = async (what, measured) => runs.set(what, [...(runs.get(what) ?? []), await measured]);
  const eachAlone = async (measured) => {
    for (const name of names) for (const ending of endings) await rm(pathOf(name, ending), { force: true });
    return measured();
  };

  try {
    await (torch === undefined
      ? makePair(torchFiles, pathOf, Math.round(311_000 * (channels / 512) ** 2))
      : torch.run("make", work));
    const contents = new Map();
    for (const name of names) contents.set(name, await inMemory(torchFiles, pathOf(name)));
    const plain = async (sync) => {
      for (const name of names) await plainWrite(pathOf(name, "plain"), contents.get(name).arrays, sync);
    };
    const write = async (options) => {
      for (const name of names)
        await writeTorchFile(pathOf(name, "ours.pth"), contents.get(name).value, options);
    };
    const openAll = async () => {
      for (const name of names) await (await readTorchFile(pathOf(name))).close();
    };
    const readAll = async () => {
      // Held until all is read, as a training holds them.
      const held = [];
      for (const name of names) {
        const file = await readTorchFile(pathOf(name));
        const known = new Map();
        for (const [, tensor] of file.tensors()) {
          const { identity } = tensor.storage;
          if (!known.has(identity)) known.set(identity, await tensor.read());
        }
        held.push(known);
        await file.close();
      }
      return held;
    };

    for (let round = 0; round < rounds; round++) {
      say(`round ${round + 1} of ${rounds}`);
      for (const sync of [false, true]) {
        const how = sync ? "synced" : "page cache";
        await take(
          `plain, ${how}`,
          eachAlone(() => timed(() => plain(sync))),
        );
        await take(
          `ours, ${how}`,
          eachAlone(() => timed(() => write(sync ? {} : { open: openUnsynced }))),
        );
        if (torch)
          await take(
            `torch, ${how}`,
            eachAlone(() => torch.run("save", work, ...(sync ? ["sync"] : []))),
          );
      }
      await take(
        "open",
        eachAlone(() => timed(openAll)),
      );
      await take("read", timed(readAll));
      if (torch) await take("torch, read", torch.run("load", work));
    }
    const of = (what, ours, peer, against, goal) =>
      row({ what, unit: "ms", ours: runs.get(ours), peer: runs.get(peer), against, goal });
    return [
      of("pair written, page cache", "ours, page cache", "torch, page cache", "PyTorch"),
      of("pair written, synced", "ours, synced", "torch, synced", "PyTorch", 1),
      of(
        "pair written, synced, against the bytes alone",
        "ours, synced",
        "plain, synced",
        "plain write",
        1 / 0.9,
      ),
      of("pair read, every CRC-32 checked", "read", "torch, read", "PyTorch", 1),
      of("pair opened", "open"),
    ];
  } finally {
    torch?.stop();
    await rm(work, { recursive: true, force: true });
  }
}

await runAlone(import.meta.url, title, measure);
