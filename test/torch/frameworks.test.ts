/**
 * Every file that PyTorch and the frameworks around it wrote is read to the tensors that they recorded, or refused by name; what a
 * stopped save left is called damaged wherever the file shows it, and nothing else ever is.
 */
import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { isGuardapesosError } from "../../src/base/errors.js";
import { describeTensors, readSafetensors, readTorchFile } from "../../src/torch/index.js";
import type { TensorDescription } from "../../src/torch/index.js";
import { goldFolder } from "./gold.js";

/** Other such folders, made by the same script: GUARDAPESOS_FRAMEWORKS names one. */
const folder = process.env["GUARDAPESOS_FRAMEWORKS"] ?? join(goldFolder, "frameworks");

interface Part {
  readonly dtype: string;
  readonly shape: readonly number[] | null;
  readonly sha256?: string;
  readonly nan?: number;
}

interface Recorded extends Part {
  readonly path: readonly (string | number)[];
  readonly layout?: string;
  readonly parts?: Readonly<Record<string, Part>>;
  readonly nested?: readonly Part[];
  readonly local?: Part;
  readonly meta?: true;
  readonly conj?: true;
  readonly neg?: true;
  readonly parameter?: true;
  readonly type?: string;
  readonly placements?: readonly string[];
  readonly quantised?: Readonly<Record<string, unknown>>;
}

interface Entry {
  readonly file: string;
  readonly format: string;
  readonly note: string;
  readonly whole: boolean;
  readonly checker?: string;
  readonly expect?: string;
  readonly tensors?: readonly Recorded[];
  readonly tensors_as?: string;
  readonly judge: Readonly<Record<string, string>>;
}

const index = join(folder, "index.json");
const entries = existsSync(index)
  ? (JSON.parse(readFileSync(index, "utf8")) as { entries: Entry[] }).entries.filter(
      ({ file }) => !file.endsWith("/"),
    )
  : [];

async function tensorsOf(file: string, skipUnknown: boolean): Promise<readonly TensorDescription[]> {
  const path = join(folder, file);
  if (extname(file) === ".safetensors") {
    const safe = await readSafetensors(path);
    try {
      const named = [...safe.allTensors].map(([name, tensor]) => [[name], tensor] as const);
      return (await describeTensors(named, { digests: true })).tensors;
    } finally {
      await safe.close();
    }
  }
  const torch = await readTorchFile(path, { skipUnknown });
  try {
    await torch.verify();
    return (await describeTensors(torch.allTensors(), { digests: true, stats: true })).tensors;
  } finally {
    await torch.close();
  }
}

/** The parts of a tensor that has some, by their names here. */
function partsOf({ parts = {}, nested = [], local }: Recorded): [string, Part][] {
  return [
    ...Object.entries(parts),
    ...nested.map((part, i): [string, Part] => [String(i), part]),
    ...(local === undefined ? [] : [["local", local] as [string, Part]]),
  ];
}

/** What the index says of a tensor, in our words. */
function expected(recorded: Recorded): object {
  const { path, dtype, shape, sha256, nan, meta, conj, neg, parameter, type, placements, layout } = recorded;
  const parts = partsOf(recorded);
  const kind =
    layout ??
    (recorded.nested ? "nested" : recorded.local ? "distributed" : meta === true ? "meta" : undefined);
  return {
    name: path.length === 0 ? "tensor" : path.join("."),
    dtype,
    shape,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(nan === undefined ? {} : { nan }),
    ...(conj === undefined ? {} : { conj }),
    ...(neg === undefined ? {} : { neg }),
    ...(parameter === undefined ? {} : { parameter }),
    ...(type?.startsWith("__main__") === true ? { type } : {}),
    ...(placements === undefined ? {} : { placements }),
    ...(kind === undefined ? {} : { layout: kind }),
    ...(parts.length === 0
      ? {}
      : {
          parts: parts.map(([name, part]): unknown =>
            expect.objectContaining({
              name,
              dtype: part.dtype,
              shape: part.shape,
              sha256: part.sha256,
              nan: part.nan,
            }),
          ),
        }),
  };
}

function recordedOf(entry: Entry): readonly Recorded[] | undefined {
  return entry.tensors ?? entries.find(({ file }) => file === entry.tensors_as)?.tensors;
}

/** Modules are shown as their state_dict names them, so a path of the index may be longer by the module's own. */
function compare(found: readonly TensorDescription[], recorded: readonly Recorded[]): void {
  expect(found.map(({ name }) => name)).toEqual(
    recorded.map(({ path }) => (path.length === 0 ? "tensor" : path.join("."))),
  );
  found.forEach((tensor, i) => expect(tensor).toMatchObject(expected(recorded[i]!)));
}

describe("files of PyTorch and the frameworks around it", () => {
  it.runIf(entries.length === 0)("are not here", (context) => {
    context.skip(`no index.json in ${folder}`);
  });

  const sound = entries.filter(({ whole }) => whole);
  it.each(sound.map((entry) => [entry.file, entry] as const))(
    "%s is never called damaged",
    async (file, entry) => {
      const recorded = recordedOf(entry);
      const isReadByTorch = entry.judge["weights_only"] === "ok" || entry.judge["load_file"] === "ok";
      try {
        const found = await tensorsOf(file, false);
        expect(entry.expect ?? "").not.toMatch(/^refuse by name|do not read/);
        if (recorded !== undefined) compare(found, recorded);
      } catch (error) {
        if (!isGuardapesosError(error)) throw error;
        expect(error.code, JSON.stringify(error.data)).toMatch(/^TORCH_FILE_(REFUSED|UNSUPPORTED)$/);
        expect(isReadByTorch, JSON.stringify(error.data)).toBe(false);
        const named = /^refuse by name: (.*)$/.exec(entry.expect ?? "")?.[1];
        if (named !== undefined) expect(error.data).toMatchObject({ name: named });
        if (error.code !== "TORCH_FILE_REFUSED" || recorded === undefined) return;
        // What is refused by a name can be seen all the same.
        compare(await tensorsOf(file, true), recorded);
      }
    },
  );

  const broken = entries.filter(({ whole, checker }) => !whole && checker === "not whole");
  it.each(broken.map((entry) => [entry.file, entry] as const))("%s is damaged", async (file) => {
    await expect(tensorsOf(file, false)).rejects.toMatchObject({ code: "TORCH_FILE_INVALID" });
  });
});
