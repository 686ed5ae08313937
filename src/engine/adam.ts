/**
 * Adam, as part of a graph and in memory: Kingma and Ba 2015, in the form and order of operations of torch.optim.Adam
 * (no weight decay, no amsgrad). The corrections for the first steps depend on each parameter's own step counter and
 * are fed as scalars, so that one graph serves all steps.
 */
import { invariant } from "../base/invariant.js";
import { add, constant, div, mul, scale, sqrt, square, sub } from "./ops.js";
import type { Node } from "./graph.js";

export interface AdamHyperparameters {
  readonly betas: readonly [number, number];
  readonly eps: number;
}

/** Fed at each step, for all parameters that have been updated equally often. */
export interface AdamClock {
  /** learning rate / (1 - beta1^step) */
  readonly rate: Node;
  /** sqrt(1 - beta2^step) */
  readonly correction: Node;
}

/** The numbers to feed to an AdamClock. @param step the counter after this update: 1 for the first one */
export function clockAt(
  step: number,
  learningRate: number,
  { betas }: AdamHyperparameters,
): { rate: number; correction: number } {
  const [beta1, beta2] = betas;
  return { rate: learningRate / (1 - beta1 ** step), correction: Math.sqrt(1 - beta2 ** step) };
}

export interface Moments {
  /** exp_avg and exp_avg_sq, of the parameter's shape. */
  readonly first: Node;
  readonly second: Node;
}

/** One update. @returns the new parameter and moments */
export function adam(
  parameter: Node,
  gradient: Node,
  { first, second }: Moments,
  clock: AdamClock,
  { betas, eps }: AdamHyperparameters,
): { parameter: Node } & Moments {
  const [beta1, beta2] = betas;
  const newFirst = beta1 === 0 ? gradient : add(scale(first, beta1), scale(gradient, 1 - beta1));
  const newSecond = add(scale(second, beta2), scale(square(gradient), 1 - beta2));
  const spread = add(div(sqrt(newSecond), clock.correction), constant(parameter, eps));
  const moved = sub(parameter, mul(clock.rate, div(newFirst, spread)));
  return { parameter: moved, first: newFirst, second: newSecond };
}

type Floats = Float32Array<ArrayBuffer>;

/**
 * The same update of arrays in memory, bit for bit: every operation is rounded to float32 as in the graph. One pass,
 * and no copies of what the engine would otherwise have to hand out.
 * REQUIRES: beta1 is 0, so the first moment is the gradient itself and is not written.
 * @param into where the new parameter and second moment go: the same arrays, or others
 */
export function adamInMemory(
  parameter: Floats,
  gradient: Floats,
  second: Floats,
  clock: { readonly rate: number; readonly correction: number },
  { betas, eps }: AdamHyperparameters,
  into: { readonly parameter: Floats; readonly second: Floats },
): void {
  invariant(betas[0] === 0, "the first moment is the gradient");
  const { fround } = Math;
  const [kept, fresh, epsilon] = [fround(betas[1]), fround(1 - betas[1]), fround(eps)];
  const [rate, correction] = [fround(clock.rate), fround(clock.correction)];
  const [nextParameter, nextSecond] = [into.parameter, into.second];
  for (let i = 0; i < parameter.length; i++) {
    const slope = gradient[i]!;
    const moment = fround(fround(second[i]! * kept) + fround(fround(slope * slope) * fresh));
    const spread = fround(fround(fround(Math.sqrt(moment)) / correction) + epsilon);
    nextSecond[i] = moment;
    nextParameter[i] = fround(parameter[i]! - fround(rate * fround(slope / spread)));
  }
}
