/** The losses of WGAN-GP with drift: Gulrajani et al. 2017; Karras et al. 2018, appendix A.1. */
import { add, concat, constant, meanAll, mul, scale, slice, sqrt, square, sub, sum } from "../engine/ops.js";
import { gradients } from "../engine/gradients.js";
import type { Node } from "../engine/graph.js";
import { critic } from "./critic.js";
import { driftWeight, gradientPenaltyWeight } from "./config.js";
import type { Parameters } from "./layers.js";

export interface CriticLosses {
  readonly loss: Node;
  readonly gradientPenalty: Node;
  readonly realScore: Node;
  readonly fakeScore: Node;
  /** Scores of each sample, (N, 1). */
  readonly real: Node;
  readonly fake: Node;
}

/** mean((|d D(x) / dx| - 1)^2) at x between each real and its fake; beta (N, 1, 1, 1) is the share of the real. */
function gradientPenalty(score: (images: Node) => Node, real: Node, fake: Node, beta: Node): Node {
  const between = add(mul(real, beta), mul(fake, sub(constant(beta, 1), beta)));
  const scores = score(between);
  const [slope] = gradients(sumAll(scores), [between]);
  const norm = sqrt(sum(square(slope!), [1, 2, 3]));
  return meanAll(square(sub(norm, constant(norm, 1))));
}

function sumAll(x: Node): Node {
  return scale(
    meanAll(x),
    x.shape.reduce((a, b) => a * b, 1),
  );
}

/**
 * Critic loss of one batch: -(mean D(real) - mean D(fake)) + 10 penalty + drift mean D(real)^2.
 * @param real, fake (N, image channels, R, R); the fakes as data: no gradient is asked of them
 */
export function criticLosses(
  p: Parameters,
  real: Node,
  fake: Node,
  beta: Node,
  alpha: Node | undefined,
  steps: number,
  drift = driftWeight,
): CriticLosses {
  const samples = real.shape[0]!;
  // One pass over real and fake together, each with its own minibatch statistic.
  const scores = critic(p, concat([real, fake], 0), alpha, steps, [samples, samples]);
  const realScores = slice(scores, 0, 0, samples);
  const fakeScores = slice(scores, 0, samples, 2 * samples);
  const realScore = meanAll(realScores);
  const fakeScore = meanAll(fakeScores);
  const penalty = gradientPenalty((images) => critic(p, images, alpha, steps, [samples]), real, fake, beta);
  const distance = sub(fakeScore, realScore);
  const held = scale(meanAll(square(realScores)), drift);
  const loss = add(add(distance, scale(penalty, gradientPenaltyWeight)), held);
  return { loss, gradientPenalty: penalty, realScore, fakeScore, real: realScores, fake: fakeScores };
}

/** Generator loss of one batch: -mean D(fake). */
export function generatorLoss(p: Parameters, fake: Node, alpha: Node | undefined, steps: number): Node {
  return scale(meanAll(critic(p, fake, alpha, steps, [fake.shape[0]!])), -1);
}
