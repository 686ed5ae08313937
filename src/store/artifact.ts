/** What a generation holds: files, each with a name, a digest and, where its medium is known, an index of its tensors. */
import type { Json, JsonObject } from "../base/plain-json.js";
import type { OpenSink } from "../base/file-sink.js";
import type { GenerationId, Lineage, SaveId, Sequence } from "./brands.js";
import type { CheckpointKind } from "./names.js";
import type { SaveReason } from "./reason.js";

/** What a file is to those who read it. Of an opaque one nothing is known but its bytes. */
export const media = ["torch", "safetensors", "opaque"] as const;
export type Medium = (typeof media)[number];

/** Algorithm and hexadecimal digits: "sha256:...", so that another algorithm is no new format. */
export type Digest = `${string}:${string}`;

export interface TensorRecord {
  readonly shape: readonly number[];
  /** Of its bytes, row-major and little-endian. The file's own digest is the proof, this one tells which tensor differs. */
  readonly digest: Digest;
  /** NaN and infinite values. */
  readonly nonFinite: number;
}

/** Tensors by their names in the file. */
export type TensorIndex = Readonly<Record<string, TensorRecord>>;

/** What the manifest says of a file. */
export interface ArtifactRecord {
  /** The file's name in the generation. */
  readonly name: string;
  readonly bytes: number;
  readonly digest: Digest;
  readonly medium: Medium;
  /** undefined where the medium is opaque, or its reader could make nothing of the file. */
  readonly tensors?: TensorIndex | undefined;
}

/** What the store tells an artifact that is to write itself. */
export interface Output {
  readonly path: string;
  readonly open: OpenSink;
  /** To be told every piece of the file, in order; it must stay as it is until the save is over. */
  readonly onPiece: (bytes: Uint8Array) => void;
  /** To be told the bytes that have been written so far. */
  readonly onProgress: (bytes: number) => void;
}

/** What a generation is given beside its content: a free name and its place in the order. */
export interface Identity {
  readonly id: GenerationId;
  readonly sequence: Sequence;
  readonly saveId: SaveId;
  readonly lineage: Lineage;
  readonly parent: GenerationId | null;
  readonly label: string;
  readonly name: string;
  readonly class?: string | null | undefined;
  /** ISO 8601, UTC. */
  readonly savedAt: string;
}

interface Named {
  /** What its file is called in the generation: "generator.pth". */
  readonly name: string;
  readonly medium: Medium;
  /** Bytes that it takes at most. */
  readonly bytes: number;
}

/** A file that is made from memory. */
export interface WrittenArtifact extends Named {
  /** Creates the file, writes and syncs it. @param identity what a file may say about the generation that it belongs to */
  write(output: Output, identity: Identity): Promise<Omit<ArtifactRecord, "name" | "medium">>;
}

/** A file that is there already and is copied. REQUIRES: nobody writes to it meanwhile; that it was so is looked at. */
export interface CopiedArtifact extends Named {
  readonly from: string;
}

export type Artifact = WrittenArtifact | CopiedArtifact;

export interface SaveRequest {
  readonly kind: CheckpointKind;
  /** Steps of training so far; undefined where they are not known: the generation's id counts the saves then. */
  readonly step?: number | undefined;
  readonly reason: SaveReason;
  readonly artifacts: readonly Artifact[];
  /** Whatever is to be known beside the files. The store does not look inside. */
  readonly metadata: JsonObject;
  /** What concerns this computer alone, and goes nowhere but into the manifest. */
  readonly local?: { readonly [key: string]: Json } | undefined;
}

/** The hexadecimal SHA-256 of a file whose digest is one: what the save log remembers files by. */
export function sha256Of({ digest }: { readonly digest: Digest }): string | undefined {
  return digest.startsWith("sha256:") ? digest.slice("sha256:".length) : undefined;
}
