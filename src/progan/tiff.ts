/**
 * The pages of a TIFF file and what their numbers mean, which the decoder alone does not say: it takes signed numbers
 * for unsigned ones, a further channel for transparency, and the first page for the picture. Pixels are not read here.
 */

/** Bytes from a place in a file, fewer at its end. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

export interface TiffPage {
  /** As the decoder counts them. */
  readonly index: number;
  readonly width: number;
  readonly height: number;
  /** Bits of each sample of a pixel: one number where all are alike. */
  readonly bits: readonly number[];
  readonly samples: number;
  /** 1 unsigned, 2 signed, 3 float, 4 unknown, 5 and 6 complex. */
  readonly sampleFormat: number;
  /** 0 white is 0, 1 black is 0, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, 8 Lab, others. */
  readonly photometric: number;
  /** What each further sample is: 0 unsaid, 1 and 2 transparency. */
  readonly extra: readonly number[];
  readonly compression: number;
  readonly predictor: number;
  /** A smaller copy of another page, or a mask of one. */
  readonly reduced: boolean;
  /** Slices that this page alone holds, by a private tag. */
  readonly slices: number;
  /** Images that the file holds, by ImageJ's description: it lists no pages where that is larger than 4 GB. */
  readonly announced: number;
  /** Where the values of two tags stand, to be written over: see `asUnsigned`. */
  readonly places: { readonly photometric: Place | undefined; readonly sampleFormat: Place | undefined };
}

interface Place {
  readonly offset: number;
  readonly count: number;
}

/** Whole numbers of a tag; their place in the file. */
interface Tag extends Place {
  readonly values: readonly number[];
}

const tags = {
  newSubfileType: 254,
  subfileType: 255,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  description: 270,
  samples: 277,
  predictor: 317,
  extra: 338,
  sampleFormat: 339,
  imageDepth: 32997,
} as const;
const wanted: ReadonlySet<number> = new Set(Object.values(tags));

/** Bytes of a value of each type that is read: BYTE, ASCII, SHORT, LONG, LONG8. */
const typeBytes: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 16: 8 };
/** Values of a tag that are looked at. */
const mostValues = 4096;
const mostPages = 100_000;
const mostEntries = 4096;

/**
 * The pages in their order, those inside of pages (SubIFDs) left out. A file that ends in the middle of one has those
 * before it.
 */
export async function tiffPages(read: ReadAt): Promise<readonly TiffPage[]> {
  const layout = layoutOf(await read(0, 16));
  const pages: TiffPage[] = [];
  const seen = new Set<number>();
  let offset = layout.first;
  while (offset !== 0 && !seen.has(offset) && pages.length < mostPages) {
    seen.add(offset);
    const directory = await readDirectory(read, offset, layout);
    if (!directory) break;
    pages.push(pageOf(directory.tags, pages.length));
    offset = directory.next;
  }
  return pages;
}

/** Byte order and widths of a file. */
interface Layout {
  readonly little: boolean;
  readonly big: boolean;
  readonly first: number;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function layoutOf(head: Uint8Array): Layout {
  const little = head[0] === 0x49;
  if (head.length < 8) return { little, big: false, first: 0 };
  const view = viewOf(head);
  const big = view.getUint16(2, little) === 43;
  const first = big
    ? head.length < 16
      ? 0
      : Number(view.getBigUint64(8, little))
    : view.getUint32(4, little);
  return { little, big, first };
}

async function readDirectory(read: ReadAt, offset: number, { little, big }: Layout) {
  const [countBytes, entryBytes, wordBytes] = big ? [8, 20, 8] : [2, 12, 4];
  const word = (view: DataView, at: number): number =>
    big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
  const head = await read(offset, countBytes);
  if (head.length < countBytes) return undefined;
  const entries = big ? Number(viewOf(head).getBigUint64(0, little)) : viewOf(head).getUint16(0, little);
  if (entries === 0 || entries > mostEntries) return undefined;
  const body = await read(offset + countBytes, entries * entryBytes + wordBytes);
  if (body.length < entries * entryBytes) return undefined;
  const view = viewOf(body);
  const found = new Map<number, Tag>();
  for (let at = 0; at < entries * entryBytes; at += entryBytes) {
    const tag = view.getUint16(at, little);
    const type = view.getUint16(at + 2, little);
    const size = typeBytes[type];
    if (!wanted.has(tag) || size === undefined) continue;
    const count = Math.min(word(view, at + 4), mostValues);
    const inside = at + 4 + wordBytes;
    const far = count * size > wordBytes;
    const place = far ? word(view, inside) : offset + countBytes + inside;
    const bytes = far ? await read(place, count * size) : body.subarray(inside, inside + count * size);
    found.set(tag, { offset: place, count, values: valuesOf(bytes, size, little) });
  }
  const end = entries * entryBytes;
  return { tags: found, next: body.length < end + wordBytes ? 0 : word(view, end) };
}

function valuesOf(bytes: Uint8Array, size: number, little: boolean): number[] {
  const view = viewOf(bytes);
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => {
    if (size === 1) return view.getUint8(i);
    if (size === 2) return view.getUint16(2 * i, little);
    if (size === 4) return view.getUint32(4 * i, little);
    return Number(view.getBigUint64(8 * i, little));
  });
}

function pageOf(found: ReadonlyMap<number, Tag>, index: number): TiffPage {
  const first = (tag: number, otherwise: number): number => found.get(tag)?.values[0] ?? otherwise;
  const description = String.fromCharCode(...(found.get(tags.description)?.values ?? []));
  const [, images = "1"] = /^ImageJ=[^\n]*\n(?:.*\n)*?images=(\d+)/.exec(description) ?? [];
  return {
    index,
    width: first(tags.width, 0),
    height: first(tags.height, 0),
    bits: [...new Set(found.get(tags.bits)?.values ?? [1])],
    samples: first(tags.samples, 1),
    sampleFormat: first(tags.sampleFormat, 1),
    photometric: first(tags.photometric, 1),
    extra: found.get(tags.extra)?.values ?? [],
    compression: first(tags.compression, 1),
    predictor: first(tags.predictor, 1),
    // 1: reduced, 4: a mask; in the older tag 2: reduced.
    reduced: (first(tags.newSubfileType, 0) & 0b101) !== 0 || first(tags.subfileType, 1) === 2,
    slices: first(tags.imageDepth, 1),
    announced: index === 0 ? Number(images) : 1,
    places: { photometric: found.get(tags.photometric), sampleFormat: found.get(tags.sampleFormat) },
  };
}

/**
 * A copy of the file in which one page's numbers are called unsigned, and 0 black: the decoder then gives their bits as
 * they are, where it would otherwise clip what is below 0.
 */
export function asUnsigned(file: Uint8Array, { places, photometric }: TiffPage): Uint8Array {
  const copy = Uint8Array.from(file);
  const view = viewOf(copy);
  const little = file[0] === 0x49;
  const write = ({ offset, count }: Place): void => {
    for (let i = 0; i < count; i++) view.setUint16(offset + 2 * i, 1, little);
  };
  if (places.sampleFormat) write(places.sampleFormat);
  if (places.photometric && photometric === 0) write(places.photometric);
  return copy;
}
