/**
 * manifest.json: what a generation holds and how to prove it. Written last; a folder without a valid one is no
 * checkpoint. Byte for byte determined by its content, so that any change to it is seen (docs/checkpoint-format.md).
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { isTooDeep } from "../base/bounded-json.js";
import { GuardapesosError, type Fault } from "../base/errors.js";
import type { Json } from "./checkpoint.js";
import { checkpointKinds, isSafeName, manifestFile, networkFile } from "./names.js";

/** The highest format that this version reads, and the one it writes. */
export const manifestFormat = 2;

/** Bytes that a manifest has at most: enough for some hundred thousand tensors. */
export const largestManifest = 2 ** 26;
/** More saves than there will ever be, and far from where numbers stop being whole: from any that is read, counting goes on. */
export const highestSequence = 2 ** 40;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const token = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.number().int().nonnegative();
const tensorRecord = z
  .looseObject({
    shape: z.array(count).readonly(),
    crc32: z
      .string()
      .regex(/^[0-9a-f]{8}$/)
      .optional(),
    sha256: hash.optional(),
    nonFinite: count,
  })
  .refine(({ crc32, sha256 }) => (crc32 === undefined) !== (sha256 === undefined), "one digest");

const fileRecord = z
  .looseObject({
    network: z.string().refine(isSafeName),
    file: z.string(),
    bytes: count,
    sha256: hash,
    tensors: z.record(z.string(), tensorRecord),
  })
  // A manifest from elsewhere must not lead out of its folder.
  .refine((record) => record.file === networkFile(record.network), "not the name of its network's file");

// As it was parsed: a record made anew would lose a key such as "__proto__".
const plainJson = z.custom<{ readonly [key: string]: Json }>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);

const manifestSchema = z.looseObject({
  format: count,
  id: z.string().min(1),
  sequence: count.max(highestSequence),
  pair: token,
  run: token,
  parent: z.string().nullable(),
  // They stand in file names.
  label: z.string().refine(isSafeName),
  name: z.string().refine(isSafeName),
  class: z.string().nullable().optional(),
  kind: z.enum(checkpointKinds),
  step: count,
  reason: z.string(),
  savedAt: z.iso.datetime(),
  nonFinite: count,
  progress: plainJson,
  local: plainJson.optional(),
  files: z.array(fileRecord).min(1).readonly(),
});

const envelope = z.strictObject({ manifest: manifestSchema, sha256: hash });

/**
 * One tensor of a `.pth`: float32, row-major. One digest of its little-endian bytes: CRC-32, which the archive has
 * anyway; format 1 had SHA-256. The file's own SHA-256 is the proof, these tell which tensor it is that differs.
 */
export interface TensorRecord {
  readonly shape: readonly number[];
  readonly crc32?: string | undefined;
  readonly sha256?: string | undefined;
  readonly nonFinite: number;
}

export interface FileRecord {
  readonly network: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** By role and name: "weights/initial.1.bias", "exp_avg/initial.1.bias", "exp_avg_sq/initial.1.bias". */
  readonly tensors: Readonly<Record<string, TensorRecord>>;
}

export interface Manifest {
  readonly format: number;
  readonly id: string;
  /** Orders the generations of a folder: 1 more than any that was there. */
  readonly sequence: number;
  /** The same in every `.pth` of the generation. */
  readonly pair: string;
  /** Handed on from parent to child. */
  readonly run: string;
  readonly parent: string | null;
  readonly label: string;
  readonly name: string;
  /** As in Series. */
  readonly class?: string | null | undefined;
  readonly kind: (typeof checkpointKinds)[number];
  readonly step: number;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly savedAt: string;
  readonly nonFinite: number;
  readonly progress: { readonly [key: string]: Json };
  /** As in Checkpoint; absent where there is none, and in what older versions have written. */
  readonly local?: { readonly [key: string]: Json } | undefined;
  readonly files: readonly FileRecord[];
}

function digestOf(manifest: Manifest): string {
  return createHash("sha256").update(JSON.stringify(manifest)).digest("hex");
}

/** The text of manifest.json. */
export function renderManifest(manifest: Manifest): string {
  return `${JSON.stringify({ manifest, sha256: digestOf(manifest) }, null, 1)}\n`;
}

/**
 * Manifests that were found valid, by their whole text: each save looks at every generation anew, and nearly all are
 * as they were. The newest last.
 */
const valid = new Map<string, Manifest>();
const validAtMost = 32;

/**
 * Reads manifest.json.
 * @param id the folder's name, for the error
 * @param text the whole file
 * @throws CHECKPOINT_FORMAT_NEWER a format that this version does not know
 * @throws CHECKPOINT_DAMAGED anything that renderManifest would not have written
 */
export function parseManifest(id: string, text: string): Manifest {
  const known = valid.get(text);
  if (known !== undefined) return known;
  const manifest = checkManifest(id, text);
  valid.set(text, manifest);
  if (valid.size > validAtMost) valid.delete(valid.keys().next().value!);
  return manifest;
}

function checkManifest(id: string, text: string): Manifest {
  const damaged = (fault: Fault) =>
    new GuardapesosError("CHECKPOINT_DAMAGED", { id, file: manifestFile, ...fault });
  if (isTooDeep(text)) throw damaged({ reason: "too-deep" });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged({ reason: text.trim() === "" ? "empty" : "not-json" });
  }
  const sealed = z.looseObject({ manifest: z.looseObject({ format: count }), sha256: hash }).safeParse(value);
  if (!sealed.success) throw damaged(invalid(sealed.error));
  // The seal comes first: a flipped bit in `format` must not pass for a newer version.
  const written = value as { manifest: Manifest; sha256: string };
  if (digestOf(written.manifest) !== written.sha256) throw damaged({ reason: "checksum" });
  const { format } = sealed.data.manifest;
  if (format > manifestFormat) throw new GuardapesosError("CHECKPOINT_FORMAT_NEWER", { id, format });
  if (`${JSON.stringify(value, null, 1)}\n` !== text) throw damaged({ reason: "not-canonical" });
  const checked = envelope.safeParse(value);
  if (!checked.success) throw damaged(invalid(checked.error));
  return checked.data.manifest;
}

function invalid(error: z.ZodError): Fault {
  const issue = error.issues[0]!;
  const where = issue.path.join(".");
  return { reason: "invalid", detail: issue.message, ...(where !== "" && { where }) };
}
