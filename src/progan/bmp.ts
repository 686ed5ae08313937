/** Windows bitmaps, as many cameras of eye clinics export them; the image library does not read them. */

export interface Bitmap {
  /** (height, width, 4): red, green, blue, alpha. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Where the bits of one channel lie in a pixel. */
interface Mask {
  readonly shift: number;
  readonly most: number;
}

const maskOf = (bits: number): Mask => {
  if (bits === 0) return { shift: 0, most: 0 };
  const shift = 31 - Math.clz32(bits & -bits);
  return { shift, most: bits >>> shift };
};

/** Red, green, blue, alpha where a file does not say. A fourth byte is nothing, unless a mask says otherwise. */
const defaultMasks: Readonly<Record<number, readonly number[]>> = {
  16: [0x7c00, 0x3e0, 0x1f, 0],
  24: [0xff0000, 0xff00, 0xff, 0],
  32: [0xff0000, 0xff00, 0xff, 0],
};

/**
 * Decodes a bitmap: 1, 4 or 8 bits with a palette, run-length encoded or not, 16, 24 or 32 without.
 * @returns undefined when it is of another kind, or does not hold all of its pixels
 */
export function decodeBitmap(file: Uint8Array): Bitmap | undefined {
  const header = headerOf(file);
  if (!header) return undefined;
  const { width, height } = header;
  const data = new Uint8Array(width * height * 4);
  const whole = header.bits <= 8 ? paintPalette(header, data) : paintMasked(header, data);
  return whole ? { data, width, height } : undefined;
}

interface Header {
  readonly view: DataView;
  readonly headerSize: number;
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  /** 0 as it is, 1 and 2 run-length encoded in 8 and 4 bits, 3 and 6 with masks. */
  readonly compression: number;
  readonly colors: number;
  /** Of the pixels. */
  readonly start: number;
  readonly topDown: boolean;
}

/** Bits of a pixel that each compression may have. */
const compressions: Readonly<Record<number, readonly number[]>> = {
  0: [1, 4, 8, 16, 24, 32],
  1: [8],
  2: [4],
  3: [16, 32],
  6: [16, 32],
};

function headerOf(file: Uint8Array): Header | undefined {
  if (file.length < 26) return undefined;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const start = view.getUint32(10, true);
  const headerSize = view.getUint32(14, true);
  const old = headerSize === 12;
  if (!old && file.length < 54) return undefined;
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const rows = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(old ? 24 : 28, true);
  const compression = old ? 0 : view.getUint32(30, true);
  const height = Math.abs(rows);
  const known = compressions[compression]?.includes(bits) === true;
  // As many pixels as the image library takes.
  if (!known || width <= 0 || height === 0 || width * height > 0x3fff ** 2) return undefined;
  const colors = old ? 0 : view.getUint32(46, true);
  return { view, headerSize, width, height, bits, compression, colors, start, topDown: rows < 0 };
}

/** Bytes of a row of the file, which ends at a multiple of four. */
const strideOf = ({ width, bits }: Header): number => Math.ceil((width * bits) / 32) * 4;
/** Where the rows of the picture, from the top, begin in the file. */
const rowStart = (header: Header, y: number): number =>
  header.start + (header.topDown ? y : header.height - 1 - y) * strideOf(header);
const holdsRows = (header: Header): boolean =>
  header.start + strideOf(header) * header.height <= header.view.byteLength;

function paintPalette(header: Header, data: Uint8Array): boolean {
  const { view, headerSize, bits, colors, start } = header;
  const entry = headerSize === 12 ? 3 : 4;
  const count = colors === 0 ? 2 ** bits : Math.min(colors, 2 ** bits);
  const palette = 14 + headerSize;
  const indexes = header.compression === 0 ? plainIndexes(header) : runLengthIndexes(header);
  if (!indexes || palette + count * entry > start) return false;
  for (const [i, index] of indexes.entries()) {
    data[4 * i + 3] = 255;
    // Beyond the palette: black.
    if (index >= count) continue;
    const at = palette + index * entry;
    for (let channel = 0; channel < 3; channel++) data[4 * i + channel] = view.getUint8(at + 2 - channel);
  }
  return true;
}

function plainIndexes(header: Header): Uint8Array | undefined {
  const { view, width, height, bits } = header;
  if (!holdsRows(header)) return undefined;
  const indexes = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = rowStart(header, y);
    for (let x = 0; x < width; x++) {
      const byte = view.getUint8(row + ((x * bits) >> 3));
      indexes[y * width + x] = (byte >> (8 - bits - ((x * bits) & 7))) & (2 ** bits - 1);
    }
  }
  return indexes;
}

/** Pairs of bytes: a run and its colour, or 0 and a code. Runs of 4 bits alternate between two colours. */
function runLengthIndexes({ view, width, height, bits, start, topDown }: Header): Uint8Array | undefined {
  if (topDown) return undefined;
  const indexes = new Uint8Array(width * height);
  const put = (x: number, y: number, index: number): void => {
    if (x < width && y < height) indexes[(height - 1 - y) * width + x] = index;
  };
  const half = (byte: number, i: number): number => (bits === 8 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15);
  let [x, y] = [0, 0];
  for (let at = start; at + 1 < view.byteLength;) {
    const [length, code] = [view.getUint8(at), view.getUint8(at + 1)];
    at += 2;
    if (length > 0) {
      for (let i = 0; i < length; i++) put(x++, y, half(code, i));
    } else if (code === 0) {
      [x, y] = [0, y + 1];
    } else if (code === 1) {
      return indexes;
    } else if (code === 2) {
      if (at + 2 > view.byteLength) return undefined;
      [x, y, at] = [x + view.getUint8(at), y + view.getUint8(at + 1), at + 2];
    } else {
      const bytes = Math.ceil((code * bits) / 8);
      if (at + bytes > view.byteLength) return undefined;
      for (let i = 0; i < code; i++) put(x++, y, half(view.getUint8(at + ((i * bits) >> 3)), i));
      at += bytes + (bytes % 2);
    }
  }
  // Some programs leave the last code out; others were interrupted.
  return y >= height - 1 && (x >= width || y >= height) ? indexes : undefined;
}

function paintMasked(header: Header, data: Uint8Array): boolean {
  const { view, headerSize, width, height, bits, compression, start } = header;
  const given = compression !== 0;
  if (!holdsRows(header) || (given && start < 66)) return false;
  const withAlpha = given && (headerSize >= 56 || compression === 6) && start >= 70;
  const bitsOf = (channel: number): number =>
    given && (channel < 3 || withAlpha)
      ? view.getUint32(54 + 4 * channel, true)
      : given
        ? 0
        : defaultMasks[bits]![channel]!;
  const masks = [0, 1, 2, 3].map((channel) => maskOf(bitsOf(channel)));
  const bytes = bits / 8;
  for (let y = 0; y < height; y++) {
    const row = rowStart(header, y);
    for (let x = 0; x < width; x++) {
      const at = row + x * bytes;
      let value = bytes === 4 ? view.getUint32(at, true) : view.getUint16(at, true);
      if (bytes === 3) value |= view.getUint8(at + 2) << 16;
      const to = (y * width + x) * 4;
      for (const [channel, { shift, most }] of masks.entries()) {
        const nothing = channel === 3 ? 255 : 0;
        data[to + channel] = most === 0 ? nothing : Math.round((((value >>> shift) & most) * 255) / most);
      }
    }
  }
  return true;
}
