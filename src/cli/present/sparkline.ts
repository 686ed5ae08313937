/** A course of numbers as one line of blocks: ▁▂▃▄▅▆▇█. */

const blocks = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/**
 * @param least the lowest number of the scale; what is below is shown as it is. The highest is the highest of `values`, but at
 *   least `span` above it, so that noise stays small
 */
export function sparkline(values: readonly number[], least: number, span: number): string {
  const most = Math.max(least + span, ...values);
  const step = (value: number): number => ((value - least) / (most - least)) * (blocks.length - 1);
  return values.map((value) => blocks[Math.round(Math.max(0, step(value)))]).join("");
}
