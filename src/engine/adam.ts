/**
 * Adam as part of a graph (in memory: `adam-in-memory.ts`): Kingma and Ba 2015, in the form and order of operations of torch.optim.Adam
 * (no weight decay, no amsgrad). The corrections for the first steps depend on each parameter's own step counter and
 * are fed as scalars, so that one graph serves all steps.
 */
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
