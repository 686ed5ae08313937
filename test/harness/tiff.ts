/** TIFF files as other programs write them: any numbers, any pages. Little-endian, not compressed. */

export interface PageOfTiff {
  readonly width: number;
  readonly height: number;
  /** (height, width, samples) */
  readonly values: readonly number[];
  readonly bits: number;
  /** 1 unsigned, 2 signed, 3 float. */
  readonly format?: number;
  readonly samples?: number;
  readonly photometric?: number;
  readonly extra?: readonly number[];
  /** NewSubfileType: 1 for a smaller copy. */
  readonly subfile?: number;
  /** Further tags: SHORT values. */
  readonly more?: Readonly<Record<number, number>>;
  readonly description?: string;
}

function bytesOf({ values, bits, format = 1 }: PageOfTiff): Buffer {
  const bytes = Buffer.alloc((values.length * bits) / 8);
  for (const [i, value] of values.entries()) {
    const at = (i * bits) / 8;
    if (bits === 8) bytes.writeUInt8(value & 255, at);
    else if (bits === 16) bytes.writeUInt16LE(value & 0xffff, at);
    else if (bits === 32) {
      if (format === 3) bytes.writeFloatLE(value, at);
      else bytes.writeUInt32LE(value >>> 0, at);
    } else bytes.writeDoubleLE(value, at);
  }
  return bytes;
}

const [short, long, ascii] = [3, 4, 2];

/** The bytes of a file with these pages. */
export function tiffOf(...pages: readonly PageOfTiff[]): Buffer {
  let file = Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0]);
  let link = 4;
  const add = (bytes: Buffer): number => {
    const at = file.length;
    file = Buffer.concat([file, bytes, Buffer.alloc(bytes.length % 2)]);
    return at;
  };
  for (const page of pages) {
    const { width, height, bits, format = 1, samples = 1, photometric = 1, extra = [] } = page;
    const pixels = bytesOf(page);
    const entries: [tag: number, type: number, values: readonly number[]][] = [
      [254, long, [page.subfile ?? 0]],
      [256, long, [width]],
      [257, long, [height]],
      [258, short, Array.from({ length: samples }, () => bits)],
      [259, short, [1]],
      [262, short, [photometric]],
      [273, long, [add(pixels)]],
      [277, short, [samples]],
      [278, long, [height]],
      [279, long, [pixels.length]],
      [339, short, Array.from({ length: samples }, () => format)],
    ];
    if (page.description !== undefined) entries.push([270, ascii, [...Buffer.from(`${page.description}\0`)]]);
    if (extra.length > 0) entries.push([338, short, extra]);
    for (const [tag, value] of Object.entries(page.more ?? {})) entries.push([Number(tag), short, [value]]);
    entries.sort(([one], [other]) => one - other);
    const directory = Buffer.alloc(2 + 12 * entries.length + 4);
    directory.writeUInt16LE(entries.length, 0);
    for (const [i, [tag, type, values]] of entries.entries()) {
      const at = 2 + 12 * i;
      const size = { [short]: 2, [long]: 4, [ascii]: 1 }[type]!;
      const bytes = Buffer.alloc(Math.max(4, size * values.length));
      for (const [j, value] of values.entries()) bytes.writeUIntLE(value, j * size, size);
      directory.writeUInt16LE(tag, at);
      directory.writeUInt16LE(type, at + 2);
      directory.writeUInt32LE(values.length, at + 4);
      if (bytes.length > 4) directory.writeUInt32LE(add(bytes), at + 8);
      else bytes.copy(directory, at + 8);
    }
    const at = add(directory);
    file.writeUInt32LE(at, link);
    link = at + directory.length - 4;
  }
  return file;
}

/** IEEE 754 binary16 of a number that it holds without rounding much. */
export function halfBits(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) | (((exponent + 15) << 10) + fraction);
}
