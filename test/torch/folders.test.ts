/**
 * Every checkpoint folder and file of the frameworks' gold is judged: whole ones are never called broken, broken ones never whole,
 * and what their files can't tell is said to be unknown.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findForeign, judgeForeign, type ForeignCheckpoint } from "../../src/torch/folders/index.js";
import { goldFolder } from "./gold.js";

/** Other such folders, made by the same script: GUARDAPESOS_FRAMEWORKS names one. */
const folder = process.env["GUARDAPESOS_FRAMEWORKS"] ?? join(goldFolder, "frameworks");

interface Recorded {
  readonly path: readonly (string | number)[];
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256?: string;
  readonly nan?: number;
}

interface Entry {
  readonly file: string;
  readonly format: string;
  readonly whole: boolean;
  readonly because?: string;
  readonly checker?: string;
  readonly what?: string;
  readonly tensors?: readonly Recorded[];
  readonly tensors_as?: string;
  readonly files?: readonly { readonly file: string; readonly bytes: number }[];
}

const index = join(folder, "index.json");
const entries = existsSync(index)
  ? (JSON.parse(readFileSync(index, "utf8")) as { entries: Entry[] }).entries
  : [];
const folders = entries.filter(({ file }) => file.endsWith("/"));

const kinds: Readonly<Record<string, string>> = {
  "hf-trainer checkpoint": "hf-trainer",
  "safetensors shards": "shards",
  "torch shards": "shards",
  "accelerate state": "accelerate",
  dcp: "dcp",
};

async function judged(file: string): Promise<ForeignCheckpoint> {
  const found = await findForeign(join(folder, file));
  expect(found).toHaveLength(1);
  return judgeForeign(found[0]!);
}

function isUnseen({ checker }: Entry): boolean {
  return checker?.startsWith("cannot be seen") === true;
}

/** In any order: a distributed writer has one of its own. */
function tensorsOf(
  list: readonly { name: string; dtype: string; shape: unknown; sha256?: unknown; nan?: unknown }[],
) {
  return Object.fromEntries(
    list.map(({ name, dtype, shape, sha256, nan }) => [name, { dtype, shape, sha256, nan }]),
  );
}

describe("checkpoints of the frameworks around PyTorch", () => {
  it.runIf(entries.length === 0)("are not here", (context) => {
    context.skip(`no index.json in ${folder}`);
  });

  it.each(entries.map((entry) => [entry.file, entry] as const))(
    "%s gets the right verdict",
    async (file, entry) => {
      const { verdict, problems, unseen, unread, kind } = await judged(file);
      if (file.endsWith("/")) expect(kind).toBe(kinds[entry.format]);
      if (entry.whole) {
        expect(problems).toEqual([]);
        if (file.endsWith("/")) expect(unread).toEqual([]);
        expect(verdict).not.toBe("not-whole");
      } else if (isUnseen(entry)) {
        expect(verdict).toBe("unknown");
        expect(unseen).not.toEqual([]);
      } else {
        expect(verdict).toBe("not-whole");
        expect(problems).not.toEqual([]);
      }
    },
  );

  const zips = entries.filter(({ whole, format }) => whole && format === "torch zip");
  it.each(zips.map((entry) => [entry.file, entry] as const))("%s is proven whole", async (file, { what }) => {
    const { verdict, unread } = await judged(file);
    expect(verdict === "whole" || (what !== undefined && unread.length > 0)).toBe(true);
  });

  it.each(folders.filter(({ files }) => files !== undefined).map((entry) => [entry.file, entry] as const))(
    "%s has all of its files",
    async (file, { files = [] }) => {
      const { artifacts } = await judged(file);
      const names = artifacts.map(({ name }) => name).sort();
      const unfinished = (name: string) => name.endsWith(".tmp");
      expect(names.filter((name) => !unfinished(name))).toEqual(
        files
          .map((one) => one.file)
          .filter((name) => !unfinished(name))
          .sort(),
      );
    },
  );

  const described = folders.flatMap((entry) => {
    const { tensors = entries.find(({ file }) => file === entry.tensors_as)?.tensors } = entry;
    return tensors === undefined || !entry.whole ? [] : [[entry.file, tensors] as const];
  });
  it.each(described)("%s has the tensors that PyTorch finds", async (file, recorded) => {
    const { tensors } = await judged(file);
    const wanted = recorded.map(({ path, ...tensor }) => ({ ...tensor, name: path.join(".") }));
    const found = tensorsOf(tensors);
    for (const [name, tensor] of Object.entries(tensorsOf(wanted))) expect(found[name], name).toEqual(tensor);
  });
});

describe("checkpoints of the frameworks, damaged", () => {
  const wholes = folders.filter(({ whole }) => whole);
  /** The smallest checkpoint of each kind is enough: each file of it is damaged. */
  const size = ({ files = [] }: Entry) => files.reduce((sum, { bytes }) => sum + bytes, 0);
  const bySize = [...wholes].sort((a, b) => size(b) - size(a));
  const samples = [...new Map(bySize.map((entry) => [entry.format, entry])).values()];

  async function damaged(file: string, name: string, change: (bytes: Buffer) => Buffer | undefined) {
    const place = mkdtempSync(join(tmpdir(), "guardapesos-folders-"));
    try {
      // Its own name says something of a folder of the Trainer.
      const copy = join(place, basename(file));
      cpSync(join(folder, file), copy, { recursive: true });
      const changed = change(readFileSync(join(copy, name)));
      if (changed === undefined) rmSync(join(copy, name));
      else writeFileSync(join(copy, name), changed);
      const [found] = await findForeign(copy);
      return await judgeForeign(found!);
    } finally {
      rmSync(place, { recursive: true });
    }
  }

  /** Files that hold tensors, or say where they are. */
  function partsOf({ files = [] }: Entry) {
    return files.filter(({ file, bytes }) => bytes > 0 && !/\.(txt|json)$/.test(file));
  }

  it.each(samples.map((entry) => [entry.file, entry] as const))(
    "%s, cut off anywhere, is not whole",
    async (file, entry) => {
      for (const part of partsOf(entry)) {
        const bytes = readFileSync(join(folder, file, part.file));
        const starts = boundariesOf(bytes);
        const some = starts.filter((_, i) => i % Math.ceil(starts.length / 6) === 0);
        for (const at of new Set([0, 1, ...some, bytes.length - 22, bytes.length - 1])) {
          if (at < 0 || at >= bytes.length) continue;
          const { verdict } = await damaged(file, part.file, (whole) => whole.subarray(0, at));
          expect([part.file, at, verdict]).toEqual([part.file, at, "not-whole"]);
        }
      }
    },
    60_000,
  );

  it.each(samples.map((entry) => [entry.file, entry] as const))(
    "%s with a byte of its checked data changed is not whole",
    async (file, entry) => {
      const checked = partsOf(entry).filter((one) => !/\.(safetensors|metadata)$/.test(one.file));
      for (const part of checked) {
        const content = readFileSync(join(folder, file, part.file));
        const data = dataOf(content);
        if (/^PK[^]*\/data\/0/.test(content.toString("latin1"))) expect(data).not.toEqual([]);
        for (const { start, bytes } of data.slice(0, 3)) {
          const at = start + Math.floor(bytes / 2);
          const { verdict } = await damaged(file, part.file, (whole) => {
            whole[at]! ^= 0x10;
            return whole;
          });
          expect([part.file, at, verdict]).toEqual([part.file, at, "not-whole"]);
        }
      }
    },
    60_000,
  );

  it.each(samples.map((entry) => [entry.file, entry] as const))(
    "%s with any byte changed is whole only where its tensors are the same",
    async (file, entry) => {
      const before = tensorsOf((await judged(file)).tensors);
      const parts = partsOf(entry);
      const choice = fc.tuple(
        fc.nat(parts.length - 1),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.nat(7),
      );
      await fc.assert(
        fc.asyncProperty(choice, async ([which, where, bit]) => {
          const part = parts[which]!;
          const { verdict, tensors } = await damaged(file, part.file, (whole) => {
            whole[Math.floor(where * whole.length)]! ^= 1 << bit;
            return whole;
          });
          if (verdict === "whole") expect(tensorsOf(tensors)).toEqual(before);
        }),
        { numRuns: 12 },
      );
    },
    60_000,
  );

  it("names what is missing of a folder of the Trainer", async () => {
    const entry = wholes.find(({ format }) => format === "hf-trainer checkpoint");
    if (entry === undefined) return;
    for (const name of [
      "optimizer.pt",
      "scheduler.pt",
      "rng_state.pth",
      "trainer_state.json",
      "model.safetensors",
    ]) {
      const { verdict, problems } = await damaged(entry.file, name, () => undefined);
      expect([verdict, problems]).toEqual(["not-whole", [{ file: name, reason: "missing" }]]);
    }
  });
});

/** Where each record of the zips in a file begins, and its directory. */
function boundariesOf(bytes: Buffer): number[] {
  const found: number[] = [];
  for (const mark of ["PK\x03\x04", "PK\x01\x02", "PK\x05\x06"])
    for (let at = bytes.indexOf(mark, 0, "latin1"); at >= 0; at = bytes.indexOf(mark, at + 1, "latin1"))
      found.push(at);
  return found.sort((a, b) => a - b);
}

/** The data of the tensors' records in the zips in a file. */
function dataOf(bytes: Buffer): { start: number; bytes: number }[] {
  return boundariesOf(bytes).flatMap((at) => {
    if (bytes.readUInt32LE(at) !== 0x02014b50) return [];
    const [size, name] = [bytes.readUInt32LE(at + 24), bytes.readUInt16LE(at + 28)];
    const text = bytes.toString("latin1", at + 46, at + 46 + name);
    if (!/\/data\/\d+$/.test(text) || size === 0) return [];
    const local = bytes.lastIndexOf(Buffer.concat([Buffer.from(text), Buffer.from("FB")]), at);
    return local < 0 ? [] : [{ start: local + name + bytes.readUInt16LE(local - 2), bytes: size }];
  });
}
