/** What tables say of a checkpoint: whose it is, and where its training stood. */
import type { Generation, Series } from "../../checkpoint/index.js";
import { resolutions } from "../../progan/config.js";
import type { Position } from "../../events/event.js";
import type { Texts } from "../../texts/index.js";

/** With how many epochs its resolution was to have. */
export type Standing = Position & { readonly epochs: number };

/** Where the training of a checkpoint stood, if it is one of a training. */
export async function standingOf(generation: Pick<Generation, "progress">): Promise<Standing | undefined> {
  const { fromJson, positionOf } = await import("../../training/progress.js");
  const progress = fromJson(generation.progress);
  if (progress === undefined) return undefined;
  const { place, config } = progress;
  return { ...positionOf(place), epochs: config.epochs[resolutions.indexOf(place.resolution)]! };
}

/** "3/20" when three epochs are done, "4/20, batch 500" in the middle of the fourth. */
export function epochOf({ epoch, epochs, batch }: Standing, texts: Texts): string {
  return batch === 0 ? `${epoch}/${epochs}` : `${epoch + 1}/${epochs}, batch ${texts.format.integer(batch)}`;
}

/** The cells of a table's columns for whose a checkpoint is. */
export interface WhoseColumns {
  readonly heading: readonly string[];
  readonly cells: (series: Series) => readonly string[];
}

/**
 * The class, and the name where not all have the one that training gives by itself. One that does not say its class bears
 * a label that may stand for several, and a question mark.
 */
export function whoseColumns(all: readonly Series[], { commands, store }: Texts): WhoseColumns {
  const named = all.some(({ name }) => name !== "local");
  const { class: heading, name } = commands.columns;
  return {
    heading: [heading, ...(named ? [name] : [])],
    cells: ({ class: own, label, name: last }) => [
      own === undefined ? `${label} ?` : (own ?? store.notes.phantoms),
      ...(named ? [last] : []),
    ],
  };
}
