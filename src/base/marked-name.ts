/** Names for files that no other text has: by a mark that stands in no plain name. */
import { createHash } from "node:crypto";

/**
 * `start` and a mark of `text`, e.g. "HER2~5f3a0c11d2".
 * @param start a plain name, without "~"; shortened where it is too long
 * @param text what the name stands for; another text has another mark
 * @param bytes how long the name may be, as UTF-8
 */
export function markedName(start: string, text: string, bytes = 255): string {
  const mark = `~${createHash("sha256").update(text).digest("hex").slice(0, 10)}`;
  // A letter that was cut in half is none.
  let kept = start.replace(/[\uD800-\uDBFF]$/, "");
  while (Buffer.byteLength(kept) > bytes - mark.length) kept = kept.replace(/.$/su, "");
  return kept + mark;
}
