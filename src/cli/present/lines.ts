/** Events and figures as lines of text, with or without emoji and colours. */
import { escapeControls } from "../../base/printable.js";
import type { RunEvent, RunEventOf } from "../../events/event.js";
import type { Place, Texts } from "../../texts/index.js";
import type { Output } from "../output.js";

export type Stepped = RunEventOf<"stepped">;

/** The emoji that lines of ours begin with. All others are somebody's: of a path, a name, a tensor. */
const marks = /^(\s*)(?:[⏩⏭⏰⏳⏸⚠✅✨❄❌🌡🎉🏁👋💡💥💾📌📐📦🔄🔔🔥🔧🔽🖼🗄🚀🛑🛟🛡🧹])\uFE0F? /u;

/** Takes the emoji that a line begins with, and the space after it, away. */
function withoutSymbols(line: string): string {
  return line.replace(marks, "$1");
}

/** A line as this output can show it: coloured by the emoji it begins with, which goes where it cannot be shown. */
export function styled(line: string, { symbols, colors }: Output): string {
  const text = escapeControls(line);
  const shown = symbols ? text : withoutSymbols(text);
  if (/^(✅|🎉)/u.test(line)) return colors.green(shown);
  if (/^(❌|💥)/u.test(line)) return colors.red(shown);
  if (/^(⚠|⏳|🔥)/u.test(line)) return colors.yellow(shown);
  if (/^(🛑|🚀|📐)/u.test(line)) return colors.bold(shown);
  if (/^(💡|🛡|❄)/u.test(line)) return colors.cyan(shown);
  return shown;
}

/** What an event says. */
export function linesOf(texts: Texts, event: Exclude<RunEvent, Stepped>): readonly string[] {
  const sentence = texts.events[event.type] as (event: RunEvent) => readonly string[];
  return sentence(event);
}

/** A step's place as people count: the epoch that it belongs to, from 1. */
export function placeOf(event: Stepped): Place {
  const { resolution, epochs, batchesPerEpoch: batches } = event;
  // The last step of an epoch may already stand at the start of the next one.
  const ended = event.batch === 0;
  const epoch = Math.max(1, ended ? event.epoch : Math.min(event.epoch + 1, epochs));
  const batch = ended ? batches : event.batch;
  return { resolution, epoch, epochs, batch, batches, share: batches === 0 ? 1 : batch / batches };
}

interface Figure {
  readonly text: string;
  /** Those of lower rank go first where there is no room. */
  readonly rank: number;
}

/** The figures of a step as they stand `elapsed` seconds after it, in the order of the line. */
function figuresOf({ progress }: Texts, event: Stepped, elapsed: number): readonly [Figure, ...Figure[]] {
  const { saveAge, temperature, temperatureLost = false } = event;
  return [
    { rank: 7, text: progress.timeLeft(Math.max(0, event.epochSecondsLeft - elapsed)) },
    { rank: 4, text: progress.losses(event.criticLoss, event.generatorLoss) },
    { rank: 1, text: progress.penalty(event.gradientPenalty) },
    { rank: 3, text: progress.alpha(event.alpha) },
    { rank: 2, text: progress.rate(event.imagesPerSecond) },
    ...(temperature === undefined && !temperatureLost
      ? []
      : [{ rank: 5, text: progress.temperature(temperature) }]),
    { rank: 6, text: progress.saveAge(saveAge === undefined ? undefined : saveAge + elapsed) },
  ];
}

const joined = (figures: readonly Figure[]): string => figures.map(({ text }) => text).join(" · ");

/** As many figures as `width` holds. */
function fitting(figures: readonly Figure[], width: number): string {
  if (figures.length <= 1 || joined(figures).length <= width) return joined(figures).slice(0, width);
  const lowest = Math.min(...figures.map(({ rank }) => rank));
  return fitting(
    figures.filter(({ rank }) => rank !== lowest),
    width,
  );
}

/**
 * The progress of an epoch as the seed script shows it, "Batch 500/1200:  41 %|████      | ...".
 * @param width columns
 * @returns one line when all of it fits, else two
 */
export function progressLines(
  texts: Texts,
  event: Stepped,
  options: { readonly elapsed: number; readonly width: number; readonly symbols: boolean },
): readonly string[] {
  const { elapsed, width, symbols } = options;
  const place = placeOf(event);
  const head = `${texts.progress.place(place)}: ${texts.progress.share(place.share).padStart(5)}|`;
  const figures = figuresOf(texts, event, elapsed);
  const bar = (columns: number): string => {
    const full = Math.round(Math.min(1, place.share) * columns);
    return (symbols ? "█" : "#").repeat(full) + " ".repeat(columns - full);
  };
  const narrowest = 10;
  const widest = 30;
  const room = (tail: string): number => Math.min(widest, width - 1 - head.length - tail.length);

  const whole = `| ${joined(figures)}`;
  if (room(whole) >= narrowest) return [head + bar(room(whole)) + whole];
  const [timeLeft, ...rest] = figures;
  const tail = `| ${timeLeft.text}`;
  const first = head + bar(Math.max(narrowest, room(tail))) + tail;
  return [first.slice(0, width - 1), `  ${fitting(rest, width - 3)}`];
}

/** The same without a bar, for logs. */
export function progressSentence(texts: Texts, event: Stepped): string {
  const place = placeOf(event);
  return `${texts.progress.place(place)}: ${texts.progress.share(place.share)} · ${joined(figuresOf(texts, event, 0))}`;
}

/** Lines of images that cannot be used; how many more there are is told once all have been looked at. */
const mostSkipped = 5;

/** Whether to show an event, so that a folder of nothing but broken images does not fill the screen. */
export function createSkipLimit(): (event: RunEvent) => boolean {
  let skipped = 0;
  return (event) => event.type !== "image-skipped" || ++skipped <= mostSkipped;
}
