/**
 * The lowering for the processor: images lie as (H, W, N, C), and 3x3 convolutions are Winograd's (`winograd.ts`). An
 * operation that is not here, or that answers undefined, is lowered as everywhere else (`lower.ts`), from values in
 * (N, C, H, W). docs/measurements.md has the figures behind each choice.
 */
import type { Node, Shape } from "../graph.js";
import { imageShape, type Operands, type OpName } from "../spec.js";
import { hwnc, placeOf, type Layout } from "./layout.js";
import { lowerings, padded, sliced, type AnyLowering, type Emitter } from "./lower.js";
import { squared, transposed, wholeTransform, type Form, type formFor, type Matrix } from "./winograd.js";

/** A value, and how it lies in memory if it is an image. */
export interface Laid {
  readonly value: string;
  readonly layout: Layout;
}

/** The values that go into operations, in either layout. */
export interface Images {
  /** The name of a node's value; what is no image is the same in both. */
  readonly get: (node: Node, layout: Layout) => string;
  readonly layoutOf: (node: Node) => Layout;
  /** The form of a 3x3 convolution of images of this size; undefined: ONNX Runtime's own. */
  readonly formFor: typeof formFor;
}

export type ImageLowering<Op extends OpName = OpName> = (
  e: Emitter,
  node: Node<Op>,
  images: Images,
) => Laid | undefined;

const image = (value: string): Laid => ({ value, layout: "hwnc" });
const plain = (value: string): Laid => ({ value, layout: "nchw" });

const matrix = (e: Emitter, values: Matrix): string =>
  e.floats(values.flat(), [values.length, values[0]?.length ?? 0]);

/** (H, W, N, C) -> (HWN, C): what products of matrices take. */
function rows(e: Emitter, value: string, shape: Shape): string {
  const [n, c, h, w] = imageShape(shape);
  return e.once("rows", [value], () => e.op("Reshape", [value, e.ints([h * w * n, c])]));
}

// 3x3 convolutions.

/** Up to this side one product transforms a whole image; beyond, the matrix would have too many zeros. */
const wholeUpTo = 8;

/** From this side on the tiles of x are made again for the kernel's gradient: kept, they would be most of the memory. */
const remadeFrom = 16;

/**
 * (H, W, N, C) -> (a * a, tiles * N, C). `input`: B^T x B of x's overlapping tiles; `output`: A dy A^T of dy's tiles.
 * Beyond small images by one three-dimensional convolution that cuts out the tiles, pads and transforms them.
 * @param again a second time, beside the first
 */
function toTiles(
  e: Emitter,
  value: string,
  shape: Shape,
  form: Form,
  kind: "input" | "output",
  again = false,
): string {
  const { m, a } = form;
  const [n, c, side] = imageShape(shape);
  const [samples, tiles] = [n * c, (side / m) ** 2];
  return e.once("tiles", [value, kind, again], () => {
    const tiled = [a * a, tiles * n, c];
    if (side <= wholeUpTo) {
      const pixels = e.op("Reshape", [value, e.ints([side ** 2, samples])]);
      const product = e.op("MatMul", [matrix(e, wholeTransform(form, kind, side)), pixels]);
      return e.op("Reshape", [product, e.ints(tiled)]);
    }
    const [k, padding] = kind === "input" ? [a, 1] : [m, 0];
    const values = squared(kind === "input" ? form.input : transposed(form.output)).flat();
    // -0 for 0 changes no result, and keeps ONNX Runtime from uniting the two.
    const weights = again ? values.map((one) => (one === 0 ? -0 : one)) : values;
    const kernel = e.floats(weights, [a * a, 1, k, k, 1]);
    const volume = e.op("Reshape", [value, e.unplanned([1, 1, side, side, samples])]);
    const transforms = e.op("Conv", [volume, kernel], {
      kernel_shape: [k, k, 1],
      strides: [m, m, 1],
      pads: [padding, padding, 0, padding, padding, 0],
    });
    return e.op("Reshape", [transforms, e.unplanned(tiled)]);
  });
}

/** (a * a, tiles * N, C) -> (H, W, N, C): the adjoint of `toTiles`; beyond small images only of `output`. */
function fromTiles(e: Emitter, value: string, shape: Shape, form: Form, kind: "input" | "output"): string {
  const [n, c, side] = imageShape(shape);
  const { m, a } = form;
  const [samples, across] = [n * c, side / m];
  if (side <= wholeUpTo) {
    const tiles = e.op("Reshape", [value, e.ints([(a * across) ** 2, samples])]);
    const back = matrix(e, transposed(wholeTransform(form, kind, side)));
    return e.op("Reshape", [e.op("MatMul", [back, tiles]), e.ints(hwnc(shape))]);
  }
  const tiles = e.op("Reshape", [value, e.unplanned([a * a, across ** 2 * samples])]);
  const pixels = e.op("MatMul", [matrix(e, squared(form.output)), tiles]);
  const blocks = e.op("Reshape", [pixels, e.unplanned([m, m, across, across, samples])]);
  return e.op("Reshape", [e.op("Transpose", [blocks], { perm: [2, 0, 3, 1, 4] }), e.ints(hwnc(shape))]);
}

/** (O, C, 3, 3) -> (a * a, O, C). @param turned of the kernel turned by 180 degrees */
function kernelTiles(e: Emitter, weight: string, shape: Shape, form: Form, turned = false): string {
  const [o, c] = imageShape(shape);
  return e.once("kernel tiles", [weight, form.m, turned], () => {
    const elements = squared(form.kernel).map((row) => (turned ? row.toReversed() : row));
    const flat = e.op("Reshape", [weight, e.ints([o * c, 9])]);
    const product = e.op("Gemm", [matrix(e, elements), flat], { transA: 0, transB: 1 });
    return e.op("Reshape", [product, e.ints([form.a ** 2, o, c])]);
  });
}

/** How a convolution is computed: as a product of pixels, by a form of Winograd's, or not here. */
function wayOf(images: Images, shape: Shape, kernel: Shape, padding: number): "pixels" | Form | undefined {
  const [, , h, w] = imageShape(shape);
  const [, , k] = imageShape(kernel);
  if (k === 1 && padding === 0) return "pixels";
  return k === 3 && padding === 1 ? images.formFor(h, w) : undefined;
}

/** (O, C, 1, 1) -> (O, C). */
function kernelMatrix(e: Emitter, weight: string, shape: Shape): string {
  const [o, c] = imageShape(shape);
  return e.op("Reshape", [weight, e.ints([o, c])]);
}

const conv: ImageLowering<"conv"> = (e, node, images) => {
  const { get } = images;
  const [x, kernel, bias] = node.inputs;
  const way = wayOf(images, x.shape, kernel.shape, node.attributes.padding);
  if (way === undefined) return undefined;
  const [from, weight] = [get(x, "hwnc"), get(kernel, "nchw")];
  const added = bias ? [get(bias, "nchw")] : [];
  if (way === "pixels") {
    const factors = [rows(e, from, x.shape), kernelMatrix(e, weight, kernel.shape), ...added];
    const product = e.op("Gemm", factors, { transA: 0, transB: 1 });
    return image(e.op("Reshape", [product, e.ints(hwnc(node.shape))]));
  }
  const kernels = e.op("Transpose", [kernelTiles(e, weight, kernel.shape, way)], { perm: [0, 2, 1] });
  const product = e.op("MatMul", [toTiles(e, from, x.shape, way, "input"), kernels]);
  const y = fromTiles(e, product, node.shape, way, "output");
  return image(bias ? e.op("Add", [y, ...added]) : y);
};

/** On small images the adjoint of the convolution's own steps; beyond, where tiles overlap, a convolution of dy. */
const convInputGradient: ImageLowering<"convInputGradient"> = (e, node, images) => {
  const { get } = images;
  const [dy, kernel] = node.inputs;
  const way = wayOf(images, dy.shape, kernel.shape, node.attributes.padding);
  if (way === undefined) return undefined;
  const [from, weight] = [get(dy, "hwnc"), get(kernel, "nchw")];
  if (way === "pixels") {
    const factors = [rows(e, from, dy.shape), kernelMatrix(e, weight, kernel.shape)];
    const product = e.op("Gemm", factors, { transA: 0, transB: 0 });
    return image(e.op("Reshape", [product, e.ints(hwnc(node.shape))]));
  }
  const adjoint = imageShape(dy.shape)[2] <= wholeUpTo;
  const tiles = toTiles(e, from, dy.shape, way, adjoint ? "output" : "input");
  const product = e.op("MatMul", [tiles, kernelTiles(e, weight, kernel.shape, way, !adjoint)]);
  return image(fromTiles(e, product, node.shape, way, adjoint ? "input" : "output"));
};

const convWeightGradient: ImageLowering<"convWeightGradient"> = (e, node, images) => {
  const { get } = images;
  const [x, dy] = node.inputs;
  const [o, c] = imageShape(node.shape);
  const way = wayOf(images, x.shape, node.shape, node.attributes.padding);
  if (way === undefined) return undefined;
  const [from, slope] = [get(x, "hwnc"), get(dy, "hwnc")];
  if (way === "pixels") {
    const factors = [rows(e, slope, dy.shape), rows(e, from, x.shape)];
    const product = e.op("Gemm", factors, { transA: 1, transB: 0 });
    return plain(e.op("Reshape", [product, e.ints(node.shape)]));
  }
  const slopes = e.op("Transpose", [toTiles(e, slope, dy.shape, way, "output")], { perm: [0, 2, 1] });
  const values = toTiles(e, from, x.shape, way, "input", imageShape(x.shape)[2] >= remadeFrom);
  const product = e.op("Reshape", [e.op("MatMul", [slopes, values]), e.ints([way.a ** 2, o * c])]);
  const back = e.op("Gemm", [product, matrix(e, squared(way.kernel))], { transA: 1, transB: 0 });
  return plain(e.op("Reshape", [back, e.ints(node.shape)]));
};

// Everything else that knows where a pixel lies.

const isImage = (node: Node, { layoutOf }: Images): boolean => layoutOf(node) === "hwnc";

/** Sums over pixels as a product with ones, over channels along the last axis. */
const sum: ImageLowering<"sum"> = (e, node, images) => {
  const [x] = node.inputs;
  if (!isImage(x, images)) return undefined;
  const { axes } = node.attributes;
  const [n, c, h, w] = imageShape(x.shape);
  const value = images.get(x, "hwnc");
  if (!axes.includes(1) && [0, 2, 3].every((axis) => axes.includes(axis) || x.shape[axis] === 1)) {
    const pixels = h * w * n;
    const ones = e.once("ones", [pixels], () => e.op("Expand", [e.floats([1], [1, 1]), e.ints([1, pixels])]));
    const total = e.op("MatMul", [ones, rows(e, value, x.shape)]);
    return image(e.op("Reshape", [total, e.ints([1, 1, 1, c])]));
  }
  const over = (from: string, some: readonly number[]): string =>
    some.length === 0 ? from : e.op("ReduceSum", [from, e.ints(some)], { keepdims: 1 });
  const places = axes.map(placeOf).sort((a, b) => a - b);
  const last = placeOf(1);
  return image(
    over(
      over(
        value,
        places.filter((one) => one === last),
      ),
      places.filter((one) => one !== last),
    ),
  );
};

/** Each pixel repeated in both directions. */
const upsample: ImageLowering<"upsample"> = (e, node, { get }) => {
  const [x] = node.inputs;
  const [n, c, h, w] = imageShape(x.shape);
  const pixels = e.op("Reshape", [get(x, "hwnc"), e.ints([h, 1, w, 1, n * c])]);
  const repeated = e.op("Expand", [pixels, e.ints([h, 2, w, 2, n * c])]);
  return image(e.op("Reshape", [repeated, e.ints(hwnc(node.shape))]));
};

/** Means of two rows, then of two columns, as products. */
const averagePool: ImageLowering<"averagePool"> = (e, node, { get }) => {
  const [x] = node.inputs;
  const [n, c, h, w] = imageShape(x.shape);
  const half = e.floats([0.5, 0.5], [1, 2]);
  const inRows = e.op("Reshape", [get(x, "hwnc"), e.ints([h / 2, 2, w * n * c])]);
  const columns = e.op("Reshape", [e.op("MatMul", [half, inRows]), e.ints([(h * w) / 4, 2, n * c])]);
  return image(e.op("Reshape", [e.op("MatMul", [half, columns]), e.ints(hwnc(node.shape))]));
};

const broadcast: ImageLowering<"broadcast"> = (e, node, images) => {
  const [x] = node.inputs;
  if (!isImage(x, images)) return undefined;
  return image(e.op("Expand", [images.get(x, "hwnc"), e.ints(hwnc(node.shape))]));
};

/** An operation along one axis, of images alone. */
const alongAxis =
  <Op extends "concat" | "slice" | "pad">(
    lower: (e: Emitter, from: Operands<string>[Op], node: Node<Op>, place: number) => string,
  ): ImageLowering<Op> =>
  (e, node, images) => {
    if (!node.inputs.some((one) => isImage(one, images))) return undefined;
    const { axis } = node.attributes;
    const from = node.inputs.map((one) => images.get(one, "hwnc")) as unknown as Operands<string>[Op];
    return image(lower(e, from, node, placeOf(axis)));
  };

/** Where elements lie does not matter, as long as all lie alike. */
const elementwise: ImageLowering = (e, node, images) => {
  const layout = node.inputs.some((one) => isImage(one, images)) ? "hwnc" : "nchw";
  const lower = lowerings[node.op as keyof typeof lowerings] as AnyLowering;
  const from = node.inputs.map((one) => images.get(one, layout));
  return { value: lower(e, node, from), layout };
};

export const imageLowerings: { readonly [Op in OpName]?: ImageLowering<Op> } = {
  conv,
  convInputGradient,
  convWeightGradient,
  sum,
  upsample,
  averagePool,
  broadcast,
  concat: alongAxis<"concat">((e, from, _node, place) => e.op("Concat", from, { axis: place })),
  slice: alongAxis<"slice">((e, [x], { attributes }, axis) => sliced(e, x, { ...attributes, axis })),
  pad: alongAxis<"pad">((e, [x], { attributes }, axis) => padded(e, x, 4, { ...attributes, axis })),
  add: elementwise,
  sub: elementwise,
  mul: elementwise,
  div: elementwise,
  sqrt: elementwise,
  rsqrt: elementwise,
  tanh: elementwise,
  leakyRelu: elementwise,
  leakySlope: elementwise,
  stopGradient: elementwise,
};
