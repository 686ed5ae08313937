/** Checkpoints that other programs wrote, for `inspect` and `verify`: each judged in turn, and in lines for a person. */
import { GuardapesosError, isGuardapesosError, reasonOf } from "../base/errors.js";
import { escapeControls } from "../base/printable.js";
import type { Texts } from "../texts/index.js";
import type { ForeignCheckpoint } from "../torch/folders/index.js";
import type { Context } from "./context.js";
import { exitCodeOf } from "./exit-codes.js";
import { tensorLines } from "./present/inspection.js";

/**
 * The checkpoints at a path, in the order of their names. Sets the exit code when one is not whole.
 * @throws FOREIGN_NOT_FOUND, FOLDER_NOT_READABLE, TORCH_FILE_UNREADABLE
 */
export async function* judgeEach(context: Context, path: string): AsyncGenerator<ForeignCheckpoint> {
  const { findForeign, judgeForeign } = await import("../torch/folders/index.js");
  const candidates = await findForeign(path).catch((error: unknown) => {
    throw new GuardapesosError("FOLDER_NOT_READABLE", { folder: path, reason: reasonOf(error) }, error);
  });
  if (candidates.length === 0) throw new GuardapesosError("FOREIGN_NOT_FOUND", { folder: path });
  for (const candidate of candidates) {
    const found = await judgeForeign(candidate).catch((error: unknown) => {
      if (isGuardapesosError(error)) throw error;
      const reason = reasonOf(error);
      throw new GuardapesosError("FOLDER_NOT_READABLE", { folder: candidate.path, reason }, error);
    });
    if (found.verdict === "not-whole") context.exitCode = exitCodeOf("CHECKPOINT_DAMAGED");
    yield found;
  }
}

/** Whether it is whole, and what is to be known beside that. */
export function foreignVerdictLines(
  found: Omit<ForeignCheckpoint, "tensors">,
  { foreign, commands }: Texts,
): string[] {
  const { path, bytes, verdict, problems, unseen, unread, nan } = found;
  const lines = {
    whole: foreign.whole(path, bytes),
    unknown: foreign.unknown(path, bytes, unseen),
    "not-whole": foreign.notWhole(path, problems),
  };
  return [
    lines[verdict],
    ...(unread.length === 0 ? [] : [foreign.unread(unread)]),
    ...(nan === 0 ? [] : [commands.notFinite(nan)]),
  ].map(escapeControls);
}

/** What it is, its tensors, and its verdict. @param width columns that the table may take */
export function foreignInspectionLines(found: ForeignCheckpoint, texts: Texts, width: number): string[] {
  const { path, kind, bytes, artifacts, progress, tensors } = found;
  return [
    escapeControls(texts.foreign.found(path, kind, bytes, artifacts.length, progress)),
    ...(tensors.length === 0 ? [] : ["", ...tensorLines({ tensors }, texts, width), ""]),
    ...foreignVerdictLines(found, texts),
  ];
}
