/**
 * How the images of a graph, (N, C, H, W), lie in memory: as that, or as (H, W, N, C). In the latter a convolution is a few
 * products of matrices and a sum over channels one over the last axis, so the processor's graph stays in it throughout, and a
 * value is laid out anew only where something else wants it, once.
 */
import type { Shape } from "../graph.js";
import { imageShape } from "../spec.js";
import type { Emitter } from "./lower.js";

export type Layout = "nchw" | "hwnc";

/** The shape of an image in memory as (H, W, N, C). */
export function hwnc(shape: Shape): number[] {
  const [n, c, h, w] = imageShape(shape);
  return [h, w, n, c];
}

/** Where an axis of (N, C, H, W) stands in (H, W, N, C). */
export const placeOf = (axis: number): number => (axis + 2) % 4;

/** Lays an image out anew, as a matrix of pixels by (sample, channel) transposed. */
export function laidOut(e: Emitter, value: string, shape: Shape, to: Layout): string {
  const [n, c, h, w] = imageShape(shape);
  const [pixels, rest] = [h * w, n * c];
  const target = e.ints(to === "hwnc" ? hwnc(shape) : shape);
  // One pixel, or one number for each, lies the same way in both.
  if (pixels === 1 || rest === 1) return e.op("Reshape", [value, target]);
  const matrix = e.op("Reshape", [value, e.ints(to === "hwnc" ? [rest, pixels] : [pixels, rest])]);
  return e.op("Reshape", [e.op("Transpose", [matrix], { perm: [1, 0] }), target]);
}
