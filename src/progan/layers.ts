/** The layers that both networks are made of. Formulas: Karras et al., "Progressive growing of GANs", ICLR 2018. */
import {
  constant,
  add,
  conv,
  leakyRelu,
  matmul,
  mean,
  mul,
  reshape,
  rsqrt,
  scale,
  square,
  sub,
} from "../engine/ops.js";
import { sizeOf } from "../base/named-arrays.js";
import type { Node } from "../engine/graph.js";

/** The node of a parameter by its name. */
export type Parameters = (name: string) => Node;

const slope = 0.2;
const pixelNormEps = 1e-8;

export const leaky = (x: Node): Node => leakyRelu(x, slope);

/** x / sqrt(mean of x^2 over the channels + 1e-8). (N, C, ...) -> same. */
export function pixelNorm(x: Node): Node {
  const power = mean(square(x), [1]);
  return mul(x, rsqrt(add(power, constant(x, pixelNormEps))));
}

/** Factor of the equalised learning rate: sqrt(2 / fan in). */
function equaliser(weight: Node): number {
  return Math.sqrt(2 / sizeOf(weight.shape.slice(1)));
}

/** Equalised convolution, stride 1, that keeps the image's size. (N, C, H, W) -> (N, O, H, W). */
export function wsConv(p: Parameters, name: string, x: Node): Node {
  const weight = p(`${name}.conv.weight`);
  const factor = equaliser(weight);
  const padding = (weight.shape[2]! - 1) / 2;
  // The factor may stand on either side; it goes where there is less to multiply.
  const [input, kernel] =
    sizeOf(weight.shape) < sizeOf(x.shape) ? [x, scale(weight, factor)] : [scale(x, factor), weight];
  return conv(input, kernel, p(`${name}.bias`), padding);
}

/** Equalised convolution whose kernel covers the whole image: a matrix product. (N, C, k, k) -> (N, O). */
export function wsLinear(p: Parameters, name: string, x: Node): Node {
  const weight = p(`${name}.conv.weight`);
  const bias = p(`${name}.bias`);
  const inner = sizeOf(weight.shape.slice(1));
  const rows = scale(reshape(x, [x.shape[0]!, inner]), equaliser(weight));
  const product = matmul(rows, reshape(weight, [weight.shape[0]!, inner]), false, true);
  return add(product, reshape(bias, [1, bias.shape[0]!]));
}

/** alpha * fresh + (1 - alpha) * old, as in fading in a new resolution. */
export function fade(alpha: Node, fresh: Node, old: Node): Node {
  return add(mul(alpha, fresh), mul(sub(constant(alpha, 1), alpha), old));
}
