/** The critic: images -> scores, higher for what looks real. */
import {
  averagePool,
  broadcast,
  concat,
  constant,
  meanAll,
  mean,
  slice,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  scale,
} from "../engine/ops.js";
import type { Node } from "../engine/graph.js";
import { fade, leaky, wsConv, wsLinear, type Parameters } from "./layers.js";
import { blocks, rgbLayer } from "./parameters.js";

/** (N, image channels, R, R) -> (N, channels, 4, 4). */
function features(p: Parameters, images: Node, alpha: Node | undefined, steps: number): Node {
  let x = leaky(wsConv(p, rgbLayer("critic", steps), images));
  blocks("critic", steps).forEach((name, i) => {
    x = leaky(wsConv(p, `${name}.conv1`, x));
    x = averagePool(leaky(wsConv(p, `${name}.conv2`, x)));
    if (i === 0 && alpha) {
      const old = leaky(wsConv(p, rgbLayer("critic", steps - 1), averagePool(images)));
      x = fade(alpha, x, old);
    }
  });
  return x;
}

/**
 * Minibatch standard deviation: how much the samples of one group differ, one number, as a plane per sample.
 * Unbiased (N - 1); 0 for a group of one, where the definition has no value; slope 0 for identical samples.
 */
function deviationPlane(group: Node): Node {
  const [samples, , height, width] = group.shape;
  const plane = [samples!, 1, height!, width!];
  if (samples === 1) return broadcast(constant(group, 0), plane);
  // Taken from the first sample first: the deviation does not change, and identical samples differ by exactly 0.
  const moved = sub(group, stopGradient(slice(group, 0, 0, 1)));
  const variance = scale(sum(square(sub(moved, mean(moved, [0]))), [0]), 1 / (samples! - 1));
  return broadcast(meanAll(sqrt(variance)), plane);
}

/**
 * @param images (N, image channels, 4 * 2^steps, the same)
 * @param alpha as in the generator
 * @param groups N in parts, each with its own minibatch statistic: [N] or [real, fake]
 * @returns scores (N, 1)
 */
export function critic(
  p: Parameters,
  images: Node,
  alpha: Node | undefined,
  steps: number,
  groups: readonly number[],
): Node {
  const x = features(p, images, alpha, steps);
  let start = 0;
  const planes = groups.map((samples) => {
    const end = start + samples;
    const group = groups.length === 1 ? x : slice(x, 0, start, end);
    start = end;
    return deviationPlane(group);
  });
  const plane = planes.length === 1 ? planes[0]! : concat(planes, 0);
  const mixed = leaky(wsConv(p, "final_block.0", concat([x, plane], 1)));
  return wsLinear(p, "final_block.4", leaky(wsLinear(p, "final_block.2", mixed)));
}
