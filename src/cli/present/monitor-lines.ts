/** A card's reading as lines: on a terminal a small table with the course of the temperature, elsewhere one sentence. */
import { modeAt } from "../../thermal/policy.js";
import type { Reading } from "../../thermal/reading.js";
import type { Thresholds } from "../../thermal/thresholds.js";
import type { Texts } from "../../texts/index.js";
import { sparkline } from "./sparkline.js";
import { table } from "./table.js";

type Row = readonly [name: string, value: string];

function rowsOf({ monitor, progress, format }: Texts, reading: Reading, thresholds: Thresholds): Row[] {
  const { names, unknown } = monitor;
  const shown = <Value>(value: Value | undefined, text: (value: Value) => string): string =>
    value === undefined ? unknown : text(value);
  const { slowdown } = reading;
  const reasons = slowdown?.map((reason) => monitor.slowdown[reason]);
  return [
    [names.temperature, shown(reading.temperature, progress.temperature)],
    [names.power, shown(reading.power, monitor.power)],
    [names.utilisation, shown(reading.utilisation, format.percent)],
    [names.memory, shown(reading.memoryUsed, (used) => monitor.memory(used, reading.memoryTotal))],
    [names.fan, shown(reading.fan, format.percent)],
    [names.clock, shown(reading.clock, monitor.clock)],
    [names.slowdown, shown(reasons, (all) => (all.length === 0 ? monitor.nothingSlows : format.and(all)))],
    [names.policy, monitor.mode[modeAt(reading, thresholds)]],
  ];
}

/** @param course the temperatures so far, oldest first; not shown where there are no symbols */
export function monitorTable(
  texts: Texts,
  reading: Reading,
  thresholds: Thresholds,
  course: readonly number[] | undefined,
): string[] {
  const [[name, value] = ["", ""], ...others] = rowsOf(texts, reading, thresholds);
  const line = course === undefined ? "" : `  ${sparkline(course, 30, 30)}`;
  return table([[name, value + line], ...others]);
}

/** What is known, and the temperature in any case. */
export function monitorSentence(texts: Texts, reading: Reading, thresholds: Thresholds): string {
  return rowsOf(texts, reading, thresholds)
    .filter(([, value], i) => i === 0 || value !== texts.monitor.unknown)
    .map(([name, value]) => `${name}: ${value}`)
    .join(" · ");
}
