/** What a file is, by its first bytes: names lie, and many have no ending. */

/** Formats that are read. */
export type ImageKind = "jpeg" | "png" | "webp" | "gif" | "tiff" | "bmp";

/** Bytes that are enough to tell. */
export const headBytes = 132;

const begins = (head: Uint8Array, bytes: readonly number[], offset = 0): boolean =>
  head.length >= offset + bytes.length && bytes.every((byte, i) => head[offset + i] === byte);
const ascii = (text: string): number[] => [...Buffer.from(text, "latin1")];

const signatures: readonly (readonly [kind: ImageKind, signature: readonly number[]])[] = [
  ["jpeg", [0xff, 0xd8, 0xff]],
  ["png", [0x89, ...ascii("PNG\r\n"), 0x1a, 0x0a]],
  ["gif", ascii("GIF87a")],
  ["gif", ascii("GIF89a")],
  ["tiff", [...ascii("II"), 42, 0]],
  ["tiff", [...ascii("MM"), 0, 42]],
  ["tiff", [...ascii("II"), 43, 0]],
  ["tiff", [...ascii("MM"), 0, 43]],
];

/** Sizes of the header that follows a bitmap's first 14 bytes, from the first Windows to the fifth version. */
const bitmapHeaders: readonly number[] = [12, 40, 52, 56, 64, 108, 124];

/**
 * @param head a file's first bytes, `headBytes` of them where there are so many
 * @returns "dicom" for what many scanners write and this program does not read; undefined for anything else
 */
export function kindOf(head: Uint8Array): ImageKind | "dicom" | undefined {
  for (const [kind, signature] of signatures) if (begins(head, signature)) return kind;
  if (begins(head, ascii("RIFF")) && begins(head, ascii("WEBP"), 8)) return "webp";
  if (begins(head, ascii("BM")) && bitmapHeaders.includes(head[14]!) && head[15] === 0) return "bmp";
  if (begins(head, ascii("DICM"), 128)) return "dicom";
  return undefined;
}

const readEndings: ReadonlySet<string> = new Set(
  ["jpg", "jpeg", "jpe", "jif", "jfif", "png", "webp", "tif", "tiff", "gif", "bmp", "dib"].map(
    (ending) => `.${ending}`,
  ),
);

/** A name's ending in small letters, ".jpg"; empty where it has none: a number alone (IM.0001) is not one. */
export function endingOf(name: string): string {
  const [ending = ""] = /\.[a-z0-9_]{1,10}$/i.exec(name) ?? [];
  return /[a-z]/i.test(ending) ? ending.toLowerCase() : "";
}

/** Whether a name's ending promises an image; undefined where only the file itself can tell. */
export function promisesImage(name: string): boolean | undefined {
  const ending = endingOf(name);
  return ending === "" ? undefined : readEndings.has(ending);
}
