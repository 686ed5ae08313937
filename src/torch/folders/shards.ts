/** Weights in several files: the index, and every file that it names, with exactly the tensors that it says. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseBounded } from "../../base/bounded-json.js";
import type { FolderProblem } from "../../base/folder-problem.js";
import type { JudgedFile } from "./judge-file.js";
import { foreignNames, shardName, shardOf } from "./recognise.js";

/** Bytes of the largest text that is read. */
const MAX_TEXT = 64 * 2 ** 20;

interface WeightsIndex {
  readonly file: string;
  /** Name of a tensor -> name of its file; undefined where the index makes no sense. */
  readonly map: ReadonlyMap<string, string> | undefined;
}

/** The value of a JSON file; undefined where it is none. @throws Node's own errors */
export async function readJson(folder: string, name: string): Promise<unknown> {
  const text = await readFile(join(folder, name), "utf8");
  try {
    return text.length > MAX_TEXT ? undefined : parseBounded(text);
  } catch {
    return undefined;
  }
}

export async function readIndex(folder: string, file: string): Promise<WeightsIndex> {
  const json = (await readJson(folder, file)) as { readonly weight_map?: unknown } | null | undefined;
  const map: unknown = json?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) return { file, map: undefined };
  const entries = Object.entries(map);
  const isSound = entries.length > 0 && entries.every(([, place]) => typeof place === "string");
  return { file, map: isSound ? new Map(entries as [string, string][]) : undefined };
}

/**
 * What is wrong with a set of weight files: pure.
 * @param judged the weight files that are there, by name
 */
export function problemsOfShards(
  indexes: readonly WeightsIndex[],
  judged: ReadonlyMap<string, Pick<JudgedFile, "problems" | "tensors" | "unread">>,
): FolderProblem[] {
  const problems: FolderProblem[] = [];
  for (const { file, map } of indexes) {
    if (map === undefined) problems.push({ file, reason: "json" });
    else problems.push(...problemsOfIndex(map, judged));
  }
  const indexed = new Set(indexes.flatMap(({ map }) => [...(map?.values() ?? [])]));
  const loose = [...judged.keys()].filter((name) => shardOf(name) !== undefined && !indexed.has(name));
  return [...problems, ...problemsOfLoose(loose, indexes.length > 0)];
}

function problemsOfIndex(
  map: ReadonlyMap<string, string>,
  judged: ReadonlyMap<string, Pick<JudgedFile, "problems" | "tensors" | "unread">>,
): FolderProblem[] {
  const problems: FolderProblem[] = [];
  for (const file of new Set(map.values())) {
    const found = judged.get(file);
    if (found === undefined) {
      problems.push({ file, reason: "missing" });
      continue;
    }
    if (found.problems.length > 0 || found.unread.length > 0) continue;
    const there = new Set(found.tensors.map(({ name }) => name));
    for (const [tensor, place] of map)
      if (place === file && !there.has(tensor)) problems.push({ file, reason: "tensor-missing", tensor });
    // An index beside a torch file may leave out what is not needed to load the model.
    if (!file.endsWith(".safetensors")) continue;
    for (const tensor of there)
      if (map.get(tensor) !== file) problems.push({ file, reason: "tensor-extra", tensor });
  }
  return problems;
}

/** Files whose names say that they are some of several, and that no index names. */
function problemsOfLoose(names: readonly string[], hasIndex: boolean): FolderProblem[] {
  const problems: FolderProblem[] = [];
  const sets = new Map(
    names.map((name) => {
      const shard = shardOf(name)!;
      return [shardName(shard, 0), shard] as const;
    }),
  );
  for (const shard of sets.values()) {
    for (let number = 1; number <= Math.min(shard.count, 100_000); number++) {
      const name = shardName(shard, number);
      if (!names.includes(name)) problems.push({ file: name, reason: "missing" });
    }
    const { prefix, ending, variant } = shard;
    const index = `${prefix}.${ending}.index${variant}.json`;
    if (!hasIndex) problems.push({ file: index, reason: "missing" });
  }
  return problems;
}

/** Whether a file is the index of weights in several files, by its name. */
export function isIndexName(name: string): boolean {
  return foreignNames.index.test(name);
}
