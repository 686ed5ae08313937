/** What a step's graph is fed beside the state, and what its figures are called. */
import { clockAt } from "../engine/adam.js";
import { toEngine } from "../engine/session.js";
import type { Architecture, Resolution } from "../progan/config.js";
import { activeParameters, networks, stepsOf, type Network } from "../progan/parameters.js";
import {
  adamHyperparameters,
  correctionName,
  criticFigures,
  rateName,
  type StepShape,
} from "./step-graph.js";
import type { BatchData, Losses, Noise } from "./contract.js";
import { scalar, type Tensors } from "./tensors.js";

/** The parameters that a resolution trains, of both networks, in the order of the graphs. */
export const activeOf = (
  architecture: Architecture,
  resolution: Resolution,
): (readonly [network: Network, name: string, shape: readonly number[]])[] =>
  networks.flatMap((network) =>
    activeParameters(network, architecture, stepsOf(resolution)).map(
      ({ name, shape }) => [network, name, shape] as const,
    ),
  );

/** Which parameters share Adam's clock, and the updates so far on each clock. */
export interface Clocks {
  readonly shape: StepShape["clocks"];
  readonly counts: Readonly<Record<Network, readonly number[]>>;
}

/** Parameters with equal counters share a clock; all of them advance together, so that stays so. */
export function clocksOf(active: ReturnType<typeof activeOf>, counters: ReadonlyMap<string, number>): Clocks {
  const shape = { generator: new Map<string, number>(), critic: new Map<string, number>() };
  const counts: Record<Network, number[]> = { generator: [], critic: [] };
  for (const [network, name] of active) {
    const count = counters.get(`${network}/${name}`) ?? 0;
    if (!counts[network].includes(count)) counts[network].push(count);
    shape[network].set(name, counts[network].indexOf(count));
  }
  return { shape, counts };
}

/** Adam's rates and corrections for the update that comes. */
export function clockFeeds({ counts }: Clocks, learningRate: number): Tensors {
  const feeds: Tensors = new Map();
  for (const network of networks) {
    counts[network].forEach((count, clock) => {
      const { rate, correction } = clockAt(count + 1, learningRate, adamHyperparameters);
      feeds.set(rateName(network, clock), scalar(rate));
      feeds.set(correctionName(network, clock), scalar(correction));
    });
  }
  return feeds;
}

/** Images, noise and alpha of one batch. */
export function batchFeeds(
  { index, size, images }: BatchData,
  { latent, imageChannels }: Architecture,
  resolution: Resolution,
  alpha: number,
  noise: Noise,
): Tensors {
  const drawn = noise(index, size);
  return new Map([
    ["latent", toEngine({ shape: [size, latent], data: drawn.latent })],
    ["beta", toEngine({ shape: [size, 1, 1, 1], data: drawn.beta })],
    ["real", toEngine({ shape: [size, imageChannels, resolution, resolution], data: images })],
    ["alpha", scalar(alpha)],
  ]);
}

/** @param figures the critic's and then the generator's, as the graphs give them */
export function lossesOf(figures: ArrayLike<number>): Losses {
  const [criticLoss, gradientPenalty, realScore, fakeScore] = criticFigures.map((_, i) => figures[i]!);
  return {
    criticLoss: criticLoss!,
    gradientPenalty: gradientPenalty!,
    realScore: realScore!,
    fakeScore: fakeScore!,
    generatorLoss: figures[criticFigures.length]!,
  };
}
