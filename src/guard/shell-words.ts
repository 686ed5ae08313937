/** A text split into words as a shell does: for `--resume-args`. Pure; nothing is expanded or run. */

/** What a backslash may stand before, and what that means. */
type Escape = (
  text: string,
  at: number,
  quote: string,
) => { readonly literal: string; readonly length: number } | undefined;

/** In double quotes a backslash stands before these alone. */
const escapable = new Set(['"', "\\", "$", "`", "\n"]);

const ofShell: Escape = (text, at, quote) => {
  const next = text[at + 1];
  if (next === undefined || quote === "'" || (quote === '"' && !escapable.has(next))) return undefined;
  return { literal: next === "\n" ? "" : next, length: 2 };
};

/** Paths are full of backslashes: they mean something before a double quote alone, where two make one. */
const ofWindows: Escape = (text, at, quote) => {
  const [, backslashes = "", quoteAfter] = /^(\\+)("?)/.exec(text.slice(at)) ?? [];
  if (quoteAfter !== '"' || quote === "'") return undefined;
  const literal = "\\".repeat(Math.floor(backslashes.length / 2));
  const isOdd = backslashes.length % 2 === 1;
  return { literal: isOdd ? `${literal}"` : literal, length: backslashes.length + (isOdd ? 1 : 0) };
};

/**
 * The words of a text: parted by spaces, kept together by single and double quotes.
 * @returns undefined where a quote is not closed
 */
export function shellWords(text: string, platform: string = process.platform): readonly string[] | undefined {
  const escape = platform === "win32" ? ofWindows : ofShell;
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    const escaped = character === "\\" ? escape(text, at, quote) : undefined;
    if (escaped) {
      word = (word ?? "") + escaped.literal;
      at += escaped.length - 1;
    } else if (quote === "" ? character === '"' || character === "'" : character === quote) {
      quote = quote === "" ? character : "";
      word ??= "";
    } else if (quote === "" && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quote !== "") return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
