/** Whose a checkpoint is: of which class and name. Names that could be taken for each other are told apart here. */
import { GuardapesosError } from "../base/errors.js";
import type { Series } from "./names.js";

interface OfSeries {
  readonly series: Series;
}

/** Whether a checkpoint has a label and a name, whoever has saved it under them. */
export function hasNames({ series }: OfSeries, { label, name }: Series): boolean {
  return series.label === label && series.name === name;
}

/**
 * Whether a checkpoint is of a series for certain. Where the class is wanted, one that does not say its class is not: names
 * from before the class was recorded stood for several.
 */
export function isOf(generation: OfSeries, wanted: Series): boolean {
  return (
    hasNames(generation, wanted) && (wanted.class === undefined || generation.series.class === wanted.class)
  );
}

/** Whether it may be: one of the two does not say its class. */
export function isPerhapsOf(generation: OfSeries, wanted: Series): boolean {
  const { class: own } = generation.series;
  return (
    hasNames(generation, wanted) && (own === undefined || wanted.class === undefined || own === wanted.class)
  );
}

/** What a person types to choose among series: `--class` and `--name`. */
export interface SeriesWish {
  readonly class?: string | undefined;
  readonly name?: string | undefined;
}

/** How a class may be meant, the surest first. `label` and case alone may be meant only where they are one series'. */
const meanings: readonly ((series: Series, wanted: string) => boolean)[] = [
  (series, wanted) => series.class === wanted,
  (series, wanted) => series.class?.normalize() === wanted.normalize(),
  (series, wanted) => series.label === wanted.normalize(),
  (series, wanted) => loose(series.class ?? series.label) === loose(wanted),
];

const loose = (name: string): string => name.normalize().toLowerCase();

/**
 * The series among `known` that are meant.
 * @param folder where they are, for the error
 * @throws SERIES_NOT_FOUND none is, or a class that is not written exactly could be several
 */
export function chosenSeries(known: readonly Series[], wish: SeriesWish, folder: string): readonly Series[] {
  const distinct = [...new Map(known.map((series) => [keyOf(series), series])).values()];
  const { class: wanted, name } = wish;
  const named = distinct.filter((series) => name === undefined || series.name === name.normalize());
  const meant =
    wanted === undefined
      ? named
      : meanings.map((means) => named.filter((one) => means(one, wanted))).find((found) => found.length > 0);
  const classes = new Set(meant?.map((series) => JSON.stringify([series.label, series.class])));
  if (meant === undefined || classes.size === 0 || (wanted !== undefined && classes.size > 1)) {
    const shown = distinct.map(({ label, class: own, name: last }) => ({ class: own ?? label, name: last }));
    throw new GuardapesosError("SERIES_NOT_FOUND", { folder, class: wanted, name, known: shown });
  }
  return meant;
}

/** The same for the same series only. */
export function keyOf({ label, name, class: own }: Series): string {
  return JSON.stringify([label, name, own === undefined ? "unknown" : [own]]);
}

/**
 * A test for the checkpoints that a person means; all pass where neither class nor name is given. Throws as chosenSeries
 * does.
 */
export function seriesFilter(
  generations: readonly OfSeries[],
  wish: SeriesWish,
  folder: string,
): (generation: OfSeries) => boolean {
  if (wish.class === undefined && wish.name === undefined) return () => true;
  const meant = chosenSeries(
    generations.map(({ series }) => series),
    wish,
    folder,
  );
  const keys = new Set(meant.map(keyOf));
  return ({ series }) => keys.has(keyOf(series));
}
