/** Which weights folder a command is about, and which of its checkpoints. */
import { stat } from "node:fs/promises";
import { GuardapesosError } from "../base/errors.js";
import type { Generation, Kept, KeptListing, SeriesWish, Skipped } from "../checkpoint/index.js";

/**
 * The weights folder of the settings. One that is not there is refused only when it was named: there may be nothing yet.
 * @throws FOLDER_NOT_FOUND, NOT_A_WEIGHTS_FOLDER, FOLDER_NOT_READABLE
 */
export async function weightsFolder(named: string | undefined): Promise<string> {
  const { stateOfFolder } = await import("../checkpoint/index.js");
  const folder = named ?? "weights";
  const state = await stateOfFolder(folder);
  if (state === "missing" && named !== undefined) throw new GuardapesosError("FOLDER_NOT_FOUND", { folder });
  if (state === "foreign") throw new GuardapesosError("NOT_A_WEIGHTS_FOLDER", { folder });
  return folder;
}

/**
 * The generations of a weights folder that `--class` and `--name` choose, of its own store and of guarded trainings; all
 * without them. What cannot be read cannot say whose it is, and stays among them.
 * @throws SERIES_NOT_FOUND, FOLDER_NOT_READABLE
 */
export async function listChosen(weights: string, { class: wanted, name }: SeriesWish): Promise<KeptListing> {
  const { keepersIn, listEvery, seriesFilter } = await import("../checkpoint/index.js");
  const { whole, damaged } = await listEvery(await keepersIn(weights));
  return { whole: whole.filter(seriesFilter(whole, { class: wanted, name }, weights)), damaged };
}

/**
 * The generation that a reference means: "latest" (whether whole or not), an id, a kind, a folder or a `.pth` of one.
 * @returns one whose manifest or sizes are wrong as what is wrong with it
 * @throws CHECKPOINT_NOT_FOUND also for files without a manifest, and what resolveReference throws for paths
 */
export async function findGeneration(
  weights: string,
  { whole, damaged }: KeptListing,
  reference: string,
): Promise<{ readonly found: Kept } | { readonly damaged: Skipped }> {
  const known = whole.find(
    ({ id, kind }) => reference === "latest" || id === reference || kind === reference,
  );
  if (known !== undefined) return { found: known };
  const broken = damaged.find(({ id }) => id === reference);
  if (broken !== undefined) return { damaged: broken };
  const { resolveReference } = await import("../checkpoint/index.js");
  const accepts = ({ pair }: Generation) => whole.some((one) => one.pair === pair);
  const { source } = await resolveReference(weights, reference, { accepts });
  if (source.from === "generation") {
    const { generation } = source;
    const own = whole.find(({ folder, pair }) => folder === generation.folder && pair === generation.pair);
    return { found: own ?? { ...generation, store: "" } };
  }
  const ids = whole.slice(0, 5).map(({ id }) => id);
  throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference, known: ids });
}

/** Whether a path is that of a folder. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
