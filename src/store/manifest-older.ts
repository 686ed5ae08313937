/**
 * Formats 1 and 2 of the manifest, which are read for ever: they knew `.pth` files of networks alone. Format 1 had SHA-256
 * of each tensor where format 2 has CRC-32.
 */
import { z } from "zod";
import type { JsonObject } from "../base/plain-json.js";
import type { ArtifactRecord, Digest } from "./artifact.js";
import { checkpointKinds, isSafeName } from "./names.js";
import { parseReason } from "./reason.js";

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const token = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.number().int().nonnegative();
const highestSequence = 2 ** 40;

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
  .refine(({ crc32, sha256 }) => (crc32 === undefined) !== (sha256 === undefined), "one digest")
  .transform(({ crc32, sha256, ...rest }) => {
    const digest: Digest = crc32 === undefined ? `sha256:${sha256}` : `crc32:${crc32}`;
    return { ...rest, digest };
  });

const fileRecord = z
  .looseObject({
    network: z.string().refine(isSafeName),
    file: z.string(),
    bytes: count,
    sha256: hash,
    tensors: z.record(z.string(), tensorRecord),
  })
  // A manifest from elsewhere must not lead out of its folder.
  .refine((record) => record.file === `${record.network}.pth`, "not the name of its network's file")
  .transform(({ file, bytes, sha256, tensors }): ArtifactRecord => {
    return { name: file, bytes, digest: `sha256:${sha256}`, medium: "torch", tensors };
  });

// As it was parsed: a record made anew would lose a key such as "__proto__".
const plainJson = z.custom<JsonObject>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);

/** What was said in other words is said in those of format 3; what is not known here stays as it was. */
export const olderManifest = z
  .looseObject({
    format: count,
    id: z.string().min(1),
    sequence: count.max(highestSequence),
    pair: token,
    run: token,
    parent: z.string().nullable(),
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
  })
  .transform(({ pair, run, reason, progress, files, ...rest }) => ({
    ...rest,
    saveId: pair,
    lineage: run,
    reason: parseReason(reason, rest.kind),
    metadata: progress,
    artifacts: files,
  }));
