/** Rows of text under each other. */
import { escapeControls } from "../../base/printable.js";
import type { Output } from "../output.js";

/** Before the columns that did not fit beside the others. */
const INDENT = 4;
const GAP = 2;

/** Columns that a table may take: those of a terminal, but for the last, after which some go to the next line. */
export function tableWidth({ isTerminal, stream }: Output): number {
  return isTerminal ? Math.max(20, (stream.columns || 80) - 1) : Infinity;
}

/**
 * Columns of equal width. Those that do not fit beside the others stand in further lines below them, indented; a single cell that is
 * wider than all of the width loses its middle.
 */
export function table(content: readonly (readonly string[])[], width = Infinity): string[] {
  const rows = content.map((row) => row.map(escapeControls));
  const widths = rows[0]!.map((_, column) =>
    rows.reduce((most, row) => Math.max(most, Math.min(row[column]!.length, width - INDENT)), 0),
  );
  const lines = columnsByLine(widths, width);
  return rows.flatMap((row) =>
    lines
      .map((columns, line) => {
        const cells = columns.map((column) =>
          shortened(row[column]!, widths[column]!).padEnd(widths[column]!),
        );
        return (line === 0 ? "" : " ".repeat(INDENT)) + cells.join(" ".repeat(GAP)).trimEnd();
      })
      .filter((text, line) => line === 0 || text.trim() !== ""),
  );
}

/** Which columns stand in which line. */
function columnsByLine(widths: readonly number[], width: number): number[][] {
  const lines: number[][] = [[]];
  let used = 0;
  for (const [column, wide] of widths.entries()) {
    const line = lines.at(-1)!;
    const needed = line.length === 0 || wide === 0 ? wide : GAP + wide;
    if (line.length > 0 && used + needed > width) {
      lines.push([column]);
      used = INDENT + wide;
    } else {
      line.push(column);
      used += needed;
    }
  }
  return lines;
}

function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = most - 3;
  return `${text.slice(0, Math.ceil(kept / 2))}...${text.slice(text.length - Math.floor(kept / 2))}`;
}
