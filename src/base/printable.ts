/** Text from files, names and other computers: before a terminal, a log or another program gets it. */

/**
 * What a terminal obeys or is fooled by: control characters (C0, C1), marks that turn the direction of writing (bidi),
 * line ends of other kinds, and marks that are not seen. Not what emoji are joined with.
 */
const obeyed =
  /[\p{Cc}\p{Zl}\p{Zp}\u061C\u180E\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/gu;

const escapeOf = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** One line of text in which nothing is left that a terminal obeys: such characters are written as JSON writes them. */
export function escapeControls(line: string): string {
  return line.replace(obeyed, escapeOf);
}

/** What is between the parts of an output that are escaped: line ends, and colours as picocolors puts them on. */
// eslint-disable-next-line no-control-regex -- the colours begin with one
const between = /(\n|\x1b\[\d+(?:;\d+)*m)/u;

/**
 * The same for all that is written, lines of JSON too: the ends of its lines stay.
 * @param colors whether the colours stay
 */
export function escapeOutput(text: string, colors: boolean): string {
  return text
    .split(between)
    .map((part) => (part === "\n" || (colors && between.test(part)) ? part : escapeControls(part)))
    .join("");
}

const LONGEST = 240;
/** Text from a file, for people: short, and nothing in it that a terminal obeys. */
export function printable(text: string): string {
  const escaped = text
    .slice(0, LONGEST + 1)
    .replace(
      /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  return escaped.length > LONGEST ? `${escaped.slice(0, LONGEST)}...` : escaped;
}
