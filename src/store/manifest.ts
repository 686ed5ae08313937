/**
 * manifest.json: what a generation holds and how to prove it. Written last; a folder without a valid one is no
 * checkpoint. Byte for byte determined by its content, so that any change to it is seen (docs/checkpoint-format.md).
 */
import { createHash, getHashes } from "node:crypto";
import { z } from "zod";
import { isTooDeep } from "../base/bounded-json.js";
import { GuardapesosError, type Fault } from "../base/errors.js";
import type { JsonObject } from "../base/plain-json.js";
import { media, type ArtifactRecord, type Digest, type Identity } from "./artifact.js";
import { olderManifest } from "./manifest-older.js";
import { checkpointKinds, isArtifactName, isSafeName, manifestFile, type CheckpointKind } from "./names.js";
import { reasonSchema, type SaveReason } from "./reason.js";

/** The highest format that this version reads, and the one it writes. */
export const manifestFormat = 3;

/** Bytes that a manifest has at most: enough for some hundred thousand tensors. */
export const largestManifest = 2 ** 26;
/** More saves than there will ever be, and far from where numbers stop being whole: from any that is read, counting goes on. */
export const highestSequence = 2 ** 40;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const token = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.number().int().nonnegative();
const isDigest = (value: unknown): boolean =>
  typeof value === "string" && /^[a-z0-9-]+:[0-9a-f]+$/.test(value);
const digest = z.custom<Digest>(isDigest, "a digest");
const algorithms = new Set(getHashes().map((name) => name.toLowerCase()));
const fileDigest = digest.refine(
  (text) => algorithms.has(text.split(":")[0]!),
  "an algorithm that is known here",
);

const tensorRecord = z.looseObject({ shape: z.array(count).readonly(), digest, nonFinite: count });

const artifactRecord = z.looseObject({
  // A manifest from elsewhere must not lead out of its folder.
  name: z.string().refine(isArtifactName),
  bytes: count,
  digest: fileDigest,
  medium: z.enum(media),
  tensors: z.record(z.string(), tensorRecord).optional(),
});

// As it was parsed: a record made anew would lose a key such as "__proto__".
const plainJson = z.custom<JsonObject>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);

const manifestSchema = z.looseObject({
  format: count,
  id: z.string().min(1),
  sequence: count.max(highestSequence),
  saveId: token,
  lineage: token,
  parent: z.string().nullable(),
  // They stand in file names.
  label: z.string().refine(isSafeName),
  name: z.string().refine(isSafeName),
  class: z.string().nullable().optional(),
  store: z.string().refine(isSafeName).optional(),
  kind: z.enum(checkpointKinds),
  step: count.optional(),
  reason: reasonSchema,
  savedAt: z.iso.datetime(),
  nonFinite: count,
  metadata: plainJson,
  local: plainJson.optional(),
  artifacts: z.array(artifactRecord).min(1).refine(areDistinct, "two files of one name").readonly(),
});

/** Also where the disk does not tell capital letters from small ones. */
function areDistinct(artifacts: readonly { readonly name: string }[]): boolean {
  return new Set(artifacts.map(({ name }) => name.normalize().toLowerCase())).size === artifacts.length;
}

/** A manifest of whichever format, as format 3 says it. */
export interface Manifest extends Identity {
  readonly format: number;
  /** The name of the folder in the weights folder that it was saved to; absent: `checkpoints`. */
  readonly store?: string | undefined;
  readonly kind: CheckpointKind;
  /** Absent where it is not known. */
  readonly step?: number | undefined;
  readonly reason: SaveReason;
  readonly nonFinite: number;
  readonly metadata: JsonObject;
  /** As in SaveRequest; absent where there is none. */
  readonly local?: JsonObject | undefined;
  readonly artifacts: readonly ArtifactRecord[];
}

function digestOf(manifest: unknown): string {
  return createHash("sha256").update(JSON.stringify(manifest)).digest("hex");
}

/** The text of manifest.json. REQUIRES: it is of the format that this version writes. */
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
 * Reads manifest.json, of this format or one before.
 * @param id the folder's name, for the error
 * @param text the whole file
 * @throws CHECKPOINT_FORMAT_NEWER a format that this version does not know
 * @throws CHECKPOINT_DAMAGED anything that was not written by this version or one before
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
  const written = value as { manifest: unknown; sha256: string };
  if (digestOf(written.manifest) !== written.sha256) throw damaged({ reason: "checksum" });
  const { format } = sealed.data.manifest;
  if (format > manifestFormat) throw new GuardapesosError("CHECKPOINT_FORMAT_NEWER", { id, format });
  if (`${JSON.stringify(value, null, 1)}\n` !== text) throw damaged({ reason: "not-canonical" });
  const schema = format < 3 ? olderManifest : manifestSchema;
  const checked = z.strictObject({ manifest: schema, sha256: hash }).safeParse(value);
  if (!checked.success) throw damaged(invalid(checked.error));
  return checked.data.manifest as Manifest;
}

function invalid(error: z.ZodError): Fault {
  const issue = error.issues[0]!;
  const where = issue.path.join(".");
  return { reason: "invalid", detail: issue.message, ...(where !== "" && { where }) };
}
