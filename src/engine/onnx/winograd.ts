/**
 * The matrices of Winograd's convolutions F(m x m, 3 x 3): a tile of m x m results from a tile of (m + 2) x (m + 2) values
 * with (m + 2)^2 products instead of 9 m^2, as y = A^T [(G g G^T) * (B^T d B)] A, where * is elementwise.
 * Sources: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016; the construction from any points
 * is Cook's and Toom's.
 */

export type Matrix = readonly (readonly number[])[];

export interface Form {
  /** Side of a tile of results. */
  readonly m: number;
  /** Side of a tile of x, and of its transform: m + 2. */
  readonly a: number;
  /** B^T, (a, a). */
  readonly input: Matrix;
  /** G, (a, 3). */
  readonly kernel: Matrix;
  /** A^T, (m, a). */
  readonly output: Matrix;
}

/** Polynomials as coefficients, the constant first: p * (x - root). */
const times = (p: readonly number[], root: number): number[] =>
  [...p, 0].map((_, i) => (p[i - 1] ?? 0) - root * (p[i] ?? 0));

/** @param points m + 1 of them, all different; infinity is the last one, always */
function formOf(points: readonly number[]): Form {
  const m = points.length - 1;
  const a = m + 2;
  const row = (polynomial: readonly number[]): number[] =>
    Array.from({ length: a }, (_, i) => polynomial[i] ?? 0);
  const others = (point: number): number[] => points.filter((one) => one !== point);
  const scaleOf = (point: number): number => others(point).reduce((n, other) => n * (point - other), 1);
  return {
    m,
    a,
    input: [...points.map((one) => row(others(one).reduce(times, [1]))), row(points.reduce(times, [1]))],
    kernel: [...points.map((one) => [0, 1, 2].map((j) => one ** j / scaleOf(one))), [0, 0, 1]],
    output: Array.from({ length: m }, (_, k) => [...points.map((one) => one ** k), k === m - 1 ? 1 : 0]),
  };
}

/** 16 products for 36. */
export const f2 = formOf([0, 1, -1]);

/**
 * 36 products for 144. With these points B and A are exact in float32, and the error is half of that with the usual
 * 0, ±1, ±2.
 */
export const f4 = formOf([0, 0.75, -0.75, 1.5, -1.5]);

/**
 * The form for images of a side, or undefined: computed directly. F(4 x 4) from 16x16 on; below, where the penalty's second
 * derivative gathers the error of all layers and little time is spent, F(2 x 2).
 */
export function formFor(height: number, width: number): Form | undefined {
  if (height !== width || height % 2 !== 0) return undefined;
  return height >= 16 && height % 4 === 0 ? f4 : f2;
}

export const transposed = (matrix: Matrix): Matrix =>
  matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));

/** The Kronecker product of a matrix with itself: what it does to rows and to columns, as one matrix. */
export const squared = (matrix: Matrix): Matrix =>
  matrix.flatMap((row) => matrix.map((other) => row.flatMap((x) => other.map((y) => x * y))));

/**
 * Which pixels the tiles of a transform are made of, in one direction: rows (i, tile), columns pixels.
 * `input`: B^T over overlapping tiles of x, with zeros around. `output`: A over the tiles of dy, its adjoint's way.
 */
function band({ m, a, input, output }: Form, kind: "input" | "output", side: number): Matrix {
  const tiles = side / m;
  const rows = Array.from({ length: a * tiles }, () => new Array<number>(side).fill(0));
  for (let i = 0; i < a; i++) {
    for (let tile = 0; tile < tiles; tile++) {
      const row = rows[i * tiles + tile]!;
      for (let j = 0; j < (kind === "input" ? a : m); j++) {
        const pixel = tile * m + (kind === "input" ? j - 1 : j);
        if (pixel >= 0 && pixel < side) row[pixel] = kind === "input" ? input[i]![j]! : output[j]![i]!;
      }
    }
  }
  return rows;
}

/** The transform of a whole image as one matrix: rows (i, j, tile y, tile x), columns (y, x). */
export function wholeTransform(form: Form, kind: "input" | "output", side: number): Matrix {
  const rows = band(form, kind, side);
  const tiles = side / form.m;
  const across = Array.from({ length: form.a }, (_, i) => rows.slice(i * tiles, (i + 1) * tiles));
  return across.flatMap((down) =>
    across.flatMap((right) => down.flatMap((y) => right.map((x) => y.flatMap((u) => x.map((v) => u * v))))),
  );
}
