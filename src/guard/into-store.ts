/** A checkpoint of a guarded script as a generation of the store. */
import type { CheckpointKind, JsonObject, SaveReason, Store } from "../store/index.js";
import type { Checkpoint, Kept } from "./keeper.js";

/** Snapshots before an end are emergencies; those by themselves, automatic; what a script saves counts as its epochs. */
export function kindOf({ source, reason }: Pick<Checkpoint, "source" | "reason">): CheckpointKind {
  if (source !== "snapshot") return "epoch";
  return reason === "interrupt" || reason === "stop" || reason === "critical" ? "emergency" : "auto";
}

function reasonOf({ source, reason }: Checkpoint): SaveReason {
  if (source !== "snapshot") return { why: "other", text: "saved by the script" };
  return kindOf({ source, reason }) === "emergency"
    ? { why: "stop", cause: reason ?? "stop" }
    : { why: "other", text: `snapshot: ${reason ?? "asked"}` };
}

/** What a manifest says of a guarded checkpoint beside its files; `restore` reads it. */
function metadataOf(checkpoint: Checkpoint, script: string, command: readonly string[]): JsonObject {
  const { source, reason, files, steps, batches, notes } = checkpoint;
  return {
    guarded: {
      script,
      command: [...command],
      source,
      ...(reason && { reason }),
      steps,
      batches,
      files: files.map(({ name, path }) => ({ name, ...(path !== undefined && { path }) })),
      ...(notes as JsonObject),
    },
  };
}

/** @returns how a checkpoint is put into this store */
export function intoStore(
  store: Store,
  script: string,
  command: readonly string[],
): (checkpoint: Checkpoint) => Promise<Kept> {
  return async (checkpoint) => {
    const artifacts = checkpoint.files.map(({ name, medium, bytes, from }) => ({
      name,
      medium,
      bytes,
      from,
    }));
    const { generation, seconds, savesLeft } = await store.save({
      kind: kindOf(checkpoint),
      reason: reasonOf(checkpoint),
      artifacts,
      metadata: metadataOf(checkpoint, script, command),
    });
    const { id, folder, bytes } = generation;
    return { id, folder, bytes, seconds, savesLeft };
  };
}
