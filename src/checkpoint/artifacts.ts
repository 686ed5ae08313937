/** Networks as what the store keeps: each a `.pth` that says which generation it is of. */
import { countNonFinite, type NamedArray } from "../base/named-arrays.js";
import type { JsonObject } from "../base/plain-json.js";
import { invariant } from "../base/invariant.js";
import {
  isArtifactName,
  parseReason,
  type Identity,
  type SaveRequest,
  type WrittenArtifact,
} from "../store/index.js";
import { writeTorchFile } from "../torch/index.js";
import type { Checkpoint, NetworkState } from "./checkpoint.js";
import { recordsOf, tensorsOf, type Known } from "./digest.js";
import { headerFormat, toTorch, type Header } from "./network-file.js";
import { networkFile } from "./network-names.js";

/** For a tensor: alignment, header and directory entry in the archive, its lines in the manifest. */
const BYTES_PER_TENSOR = 1024;

/** What saving a checkpoint asks of the store. */
export function requestOf(checkpoint: Checkpoint): SaveRequest {
  const { kind, step, reason, local } = checkpoint;
  // What JSON cannot say (NaN) becomes null here, so that manifest and files tell the same.
  const progress = JSON.parse(JSON.stringify(checkpoint.progress)) as JsonObject;
  const networks = [...checkpoint.networks.keys()];
  const about = { networks, kind, step, reason, progress };
  return {
    kind,
    step,
    reason: parseReason(reason, kind),
    metadata: progress,
    local,
    artifacts: [...checkpoint.networks].map(([network, state]) => artifactOf(network, state, about)),
  };
}

type About = Pick<Header, "networks" | "kind" | "step" | "reason" | "progress">;

function artifactOf(network: string, state: NetworkState, about: About): WrittenArtifact {
  const name = networkFile(network);
  invariant(isArtifactName(name), `a network's name can stand in a file's: ${network}`);
  return {
    name,
    medium: "torch",
    bytes: bytesOf(state) + 2 * JSON.stringify(about.progress).length,
    async write({ path, open, onPiece, onProgress }, identity) {
      const known = new Map<object, Known>();
      const { bytes, sha256 } = await writeTorchFile(
        path,
        toTorch(state, headerOf(network, state, about, identity)),
        {
          open,
          onPiece,
          onProgress,
          // Counted here, while the disk is busy, and not afterwards.
          onStorage: (data, crc) =>
            known.set(data, { crc, nonFinite: countNonFinite(data as NamedArray["data"]) }),
        },
      );
      return { bytes, digest: `sha256:${sha256}`, tensors: recordsOf(state, "crc32", known) };
    },
  };
}

/** In the order in which it is written. */
function headerOf(
  network: string,
  { parameters }: NetworkState,
  { networks, kind, step, reason, progress }: About,
  { id, saveId, lineage, savedAt }: Identity,
): Header {
  return {
    format: headerFormat,
    pair: saveId,
    run: lineage,
    generation: id,
    network,
    networks,
    parameters,
    kind,
    step,
    reason,
    saved_at: savedAt,
    progress,
  };
}

/** Bytes on disk, at most. */
function bytesOf(state: NetworkState): number {
  let bytes = 0;
  const counted = new Set<object>();
  for (const [, array] of tensorsOf(state)) {
    bytes += BYTES_PER_TENSOR;
    if (!counted.has(array)) bytes += array.data.byteLength;
    counted.add(array);
  }
  return bytes;
}
