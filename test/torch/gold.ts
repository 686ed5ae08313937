/** The folder of files made by real PyTorch, and what its index files say of them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const beside = fileURLToPath(new URL("../../../shared/gold", import.meta.url));

export const goldFolder = process.env["GUARDAPESOS_GOLD"] ?? beside;

/** Why tests on the folder are skipped; undefined when it is there. */
export const goldMissing = existsSync(join(goldFolder, "torchfile", "index.json"))
  ? undefined
  : `no gold files in ${goldFolder} (GUARDAPESOS_GOLD names their folder)`;

/** A tensor as the index records it. */
export interface GoldTensor {
  readonly path: readonly unknown[];
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly storage_offset: number;
  readonly storage_numel: number;
  readonly numel: number;
  readonly first8: readonly unknown[];
  readonly first8_text?: readonly string[];
  readonly sum: unknown;
  readonly sha256: string;
  readonly requires_grad: boolean;
}

export interface GoldFile {
  readonly file: string;
  readonly note: string;
  readonly format: "zip" | "legacy";
  readonly tensors: readonly GoldTensor[];
  readonly share_storage: readonly (readonly unknown[])[];
  readonly values?: unknown;
  readonly records?: readonly (readonly [name: string, bytes: number, crc: string])[];
}

export interface Gold2File {
  readonly file: string;
  readonly top?: string;
  readonly records: readonly string[] | null;
  readonly tensors?: readonly Pick<GoldTensor, "path" | "dtype" | "shape" | "sha256">[];
}

export interface HostileFile {
  readonly file: string;
  readonly verdict: "reject" | "detect_corruption" | "no_harm" | "accept" | "accept_file_flag_content";
  readonly why: string;
}

function readJson(...path: string[]): unknown {
  return JSON.parse(readFileSync(join(goldFolder, ...path), "utf8"));
}

export function goldFiles(): readonly GoldFile[] {
  return goldMissing === undefined ? (readJson("torchfile", "index.json") as GoldFile[]) : [];
}

/** Files of PyTorch 2; a folder made anew by the script has none. */
export function gold2Files(): readonly Gold2File[] {
  if (!existsSync(join(goldFolder, "torch2", "index.json"))) return [];
  return (readJson("torch2", "index.json") as { files: Gold2File[] }).files;
}

export function hostileFiles(): readonly HostileFile[] {
  if (goldMissing !== undefined) return [];
  return (readJson("torchfile", "hostile", "hostile.json") as { files: HostileFile[] }).files;
}
