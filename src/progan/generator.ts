/** The generator: latent vectors -> images. */
import { add, matmul, reshape, tanh, upsample } from "../engine/ops.js";
import type { Node } from "../engine/graph.js";
import { fade, leaky, pixelNorm, wsConv, type Parameters } from "./layers.js";
import { blocks, rgbLayer } from "./parameters.js";

/** A 4x4 image of features from each latent vector: a transposed convolution of a 1x1 image is a matrix product. */
function initial(p: Parameters, latent: Node): Node {
  const weight = p("initial.1.weight");
  const [size, channels] = weight.shape;
  const samples = latent.shape[0]!;
  const product = matmul(pixelNorm(latent), reshape(weight, [size!, channels! * 16]));
  const spread = reshape(product, [samples, channels!, 4, 4]);
  const x = leaky(add(spread, reshape(p("initial.1.bias"), [1, channels!, 1, 1])));
  return pixelNorm(leaky(wsConv(p, "initial.3", x)));
}

/**
 * @param latent (N, latent)
 * @param alpha scalar share of the newest layers; undefined when they are wholly faded in
 * @param steps doublings of the resolution, 0 to 8
 * @returns (N, image channels, 4 * 2^steps, the same), in [-1, 1] but at 4x4, which has no tanh
 */
export function generator(p: Parameters, latent: Node, alpha: Node | undefined, steps: number): Node {
  let x = initial(p, latent);
  if (steps === 0) return wsConv(p, rgbLayer("generator", 0), x);
  let grown = x;
  for (const name of blocks("generator", steps)) {
    grown = upsample(x);
    x = pixelNorm(leaky(wsConv(p, `${name}.conv1`, grown)));
    x = pixelNorm(leaky(wsConv(p, `${name}.conv2`, x)));
  }
  const fresh = wsConv(p, rgbLayer("generator", steps), x);
  if (!alpha) return tanh(fresh);
  return tanh(fade(alpha, fresh, wsConv(p, rgbLayer("generator", steps - 1), grown)));
}
