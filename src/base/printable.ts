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
