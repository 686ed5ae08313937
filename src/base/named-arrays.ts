/** Float32 arrays with a shape and a name: the currency between the engine, the checkpoints and the networks. */
export interface NamedArray {
  /** Sizes of the dimensions, row-major; [] is a scalar. */
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export type NamedArrays = ReadonlyMap<string, NamedArray>;

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * An array in memory that several threads read at once: a message with it copies nothing. Everything that takes a
 * Float32Array takes it, except the engine; what it must not be is handed over.
 */
export function sharedArray(length: number): NamedArray["data"] {
  return new Float32Array(new SharedArrayBuffer(4 * length)) as Float32Array as NamedArray["data"];
}

export function sharedCopy({ shape, data }: NamedArray): NamedArray {
  const shared = sharedArray(data.length);
  shared.set(data);
  return { shape, data: shared };
}

export function isShared({ data }: NamedArray): boolean {
  return (data.buffer as ArrayBufferLike) instanceof SharedArrayBuffer;
}

/** The buffers of arrays that can be handed over: all but shared memory, each once. */
export function buffersOf(arrays: Iterable<NamedArray>): ArrayBuffer[] {
  return [...new Set([...arrays].filter((array) => !isShared(array)).map(({ data }) => data.buffer))];
}

/** How many elements are NaN or infinite. */
export function countNonFinite(data: Float32Array): number {
  if (isAllFinite(data)) return 0;
  let count = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) count++;
  return count;
}

/** x * 0 is 0 for every finite x, otherwise NaN. Four sums, which the processor makes at once. */
function isAllFinite(data: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = data.length - (data.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += data[i]! * 0;
    b += data[i + 1]! * 0;
    c += data[i + 2]! * 0;
    d += data[i + 3]! * 0;
  }
  for (let i = whole; i < data.length; i++) a += data[i]! * 0;
  return a + b + c + d === 0;
}
