/**
 * The graphs of a training step, for one resolution and batch size. Names of inputs and outputs:
 * `generator/NAME` or `critic/NAME` a parameter; with `/exp_avg`, `/exp_avg_sq` its moments, with `/gradient` its
 * gradient averaged so far; `latent`, `real`, `beta`, `alpha`, `weight`, `scale` and the Adam clocks are fed at each run.
 *
 * Without accumulation one graph is the whole step. With it, a step is: critic gradients for each batch, critic update,
 * generator gradients for each batch (through the updated critic, from the same latent vectors), generator update; so
 * it is the step of the undivided batch, minibatch statistics aside. In mixed precision a step is that, too, because
 * gradients that overflow must be known before either update.
 */
import { adam, type AdamClock } from "../engine/adam.js";
import { createGraph, input, type Graph, type Node } from "../engine/graph.js";
import { gradients } from "../engine/gradients.js";
import {
  add,
  broadcast,
  concat,
  constant,
  mul,
  reshape,
  square,
  stopGradient,
  sumAll,
} from "../engine/ops.js";
import { adamBetas, adamEps, type Architecture, type Resolution } from "../progan/config.js";
import { generator } from "../progan/generator.js";
import { criticLosses, generatorLoss, type CriticLosses } from "../progan/losses.js";
import { activeParameters, networks, stepsOf, type Network } from "../progan/parameters.js";
import type { Parameters } from "../progan/layers.js";

export interface StepShape {
  readonly architecture: Architecture;
  readonly resolution: Resolution;
  readonly batchSize: number;
  /** Whether the newest layers are still fading in; otherwise the graph leaves the old path out. */
  readonly fading: boolean;
  /**
   * Which Adam clock each active parameter of a network follows: parameters whose counters are equal share one.
   * By parameter name; clocks are numbered from 0.
   */
  readonly clocks: Readonly<Record<Network, ReadonlyMap<string, number>>>;
  /** Whether gradients are enlarged on their way, for mixed precision. */
  readonly scaled?: boolean;
}

/** The clocks of networks of which no parameter is older than another. */
export function oneClock(architecture: Architecture, resolution: Resolution): StepShape["clocks"] {
  const clock = (network: Network): Map<string, number> =>
    new Map(activeParameters(network, architecture, stepsOf(resolution)).map(({ name }) => [name, 0]));
  return { generator: clock("generator"), critic: clock("critic") };
}

export type Outputs = ReadonlyMap<string, Node>;

/** Losses in the order of the `losses` output. */
export const criticFigures = ["criticLoss", "gradientPenalty", "realScore", "fakeScore"] as const;

export const adamHyperparameters = { betas: adamBetas, eps: adamEps } as const;

const key = (network: Network, name: string): string => `${network}/${name}`;
export const rateName = (network: Network, clock: number): string => `${network}/rate/${clock}`;
export const correctionName = (network: Network, clock: number): string => `${network}/correction/${clock}`;

/** Everything that the graphs of one shape share. */
function pieces(shape: StepShape) {
  const { architecture, resolution, batchSize, fading, clocks, scaled = false } = shape;
  const steps = stepsOf(resolution);
  const graph = createGraph();
  const active = (network: Network) => activeParameters(network, architecture, steps);
  const parameters = (network: Network): Map<string, Node> =>
    new Map(active(network).map(({ name, shape: own }) => [name, input(graph, key(network, name), own)]));
  const lookup =
    (nodes: ReadonlyMap<string, Node>): Parameters =>
    (name) =>
      nodes.get(name)!;
  return {
    graph,
    steps,
    active,
    parameters,
    lookup,
    clocks,
    /** What gradients are multiplied by on their way, and whoever feeds it divides them by again in `weight`. */
    lossScale: scaled ? input(graph, "scale", []) : undefined,
    alpha: fading && steps > 0 ? input(graph, "alpha", []) : undefined,
    latent: () => input(graph, "latent", [batchSize, architecture.latent]),
    real: () => input(graph, "real", [batchSize, architecture.imageChannels, resolution, resolution]),
    beta: () => input(graph, "beta", [batchSize, 1, 1, 1]),
  };
}

/** Gradients by parameter name. The old path, left out once faded in, still gets the 0 that it would have. */
function gradientsOf(loss: Node, parameters: ReadonlyMap<string, Node>, lossScale?: Node): Map<string, Node> {
  const slopes = gradients(loss, [...parameters.values()], lossScale);
  return new Map(
    [...parameters].map(([name, parameter], i) => [
      name,
      slopes[i] ?? broadcast(constant(parameter, 0), parameter.shape),
    ]),
  );
}

/** Adds the update of each parameter to the outputs; returns the updated parameters. */
function update(
  network: Network,
  parameters: ReadonlyMap<string, Node>,
  slopes: ReadonlyMap<string, Node>,
  clocks: ReadonlyMap<string, number>,
  outputs: Map<string, Node>,
): Map<string, Node> {
  const clockOf = (graph: Graph, name: string): AdamClock => ({
    rate: input(graph, rateName(network, clocks.get(name)!), []),
    correction: input(graph, correctionName(network, clocks.get(name)!), []),
  });
  return new Map(
    [...parameters].map(([name, parameter]) => {
      const { graph } = parameter;
      const full = key(network, name);
      const moments = {
        first: input(graph, `${full}/exp_avg`, parameter.shape),
        second: input(graph, `${full}/exp_avg_sq`, parameter.shape),
      };
      const next = adam(parameter, slopes.get(name)!, moments, clockOf(graph, name), adamHyperparameters);
      outputs.set(full, next.parameter);
      outputs.set(`${full}/exp_avg`, next.first);
      outputs.set(`${full}/exp_avg_sq`, next.second);
      return [name, next.parameter];
    }),
  );
}

const criticLossNodes = (losses: CriticLosses): Node[] =>
  criticFigures.map((name) => losses[name === "criticLoss" ? "loss" : name]);

const vector = (...scalars: Node[]): Node =>
  concat(
    scalars.map((scalar) => reshape(scalar, [1])),
    0,
  );

/** Both networks' losses and gradients: the generator's through the updated critic, from the same fakes. */
function bothNetworks(shape: StepShape, updates: Map<string, Node>) {
  const { steps, parameters, lookup, clocks, alpha, latent, real, beta } = pieces(shape);
  const generatorNodes = parameters("generator");
  const criticNodes = parameters("critic");
  const fake = generator(lookup(generatorNodes), latent(), alpha, steps);
  const losses = criticLosses(lookup(criticNodes), real(), fake, beta(), alpha, steps);
  const criticSlopes = gradientsOf(losses.loss, criticNodes);
  const updated = update("critic", criticNodes, criticSlopes, clocks.critic, updates);
  // The updated critic came from these fakes, but the generator is not to learn by way of the critic's update.
  const fixed = new Map([...updated].map(([name, node]) => [name, stopGradient(node)]));
  const throughUpdated = generatorLoss(lookup(fixed), fake, alpha, steps);
  const generatorSlopes = gradientsOf(throughUpdated, generatorNodes);
  return {
    losses: vector(...criticLossNodes(losses), throughUpdated),
    generatorNodes,
    slopes: { critic: criticSlopes, generator: generatorSlopes },
  };
}

/** The whole step, updates included. */
export function wholeStep(shape: StepShape): Outputs {
  const outputs = new Map<string, Node>();
  const { losses, generatorNodes, slopes } = bothNetworks(shape, outputs);
  update("generator", generatorNodes, slopes.generator, shape.clocks.generator, outputs);
  return outputs.set("losses", losses);
}

/** The gradients of the whole step; the updates are left to whoever runs it (`adamInMemory`). */
export function stepGradients(shape: StepShape): Outputs {
  const { losses, slopes } = bothNetworks(shape, new Map());
  const outputs = new Map([["losses", losses]]);
  for (const network of networks) {
    for (const [name, slope] of slopes[network]) outputs.set(`${key(network, name)}/gradient`, slope);
  }
  return outputs;
}

/** Adds `weight` times each gradient to the averages so far. @returns the averages */
function accumulate(
  network: Network,
  slopes: ReadonlyMap<string, Node>,
  outputs: Map<string, Node>,
): readonly Node[] {
  return [...slopes].map(([name, slope]) => {
    const full = `${key(network, name)}/gradient`;
    const weight = input(slope.graph, "weight", []);
    const average = add(input(slope.graph, full, slope.shape), mul(slope, weight));
    outputs.set(full, average);
    return average;
  });
}

/** Finite when every element and its square are: with both Adam goes on. */
const sumOfSquares = (averages: readonly Node[]): Node =>
  averages.map((average) => sumAll(square(average))).reduce(add);

/**
 * Critic gradients of one of several batches. `weight`: this batch's share of the images of the step. Where gradients
 * are scaled, the share is divided by the scale, and the last of the losses is the sum of the squares of the averages.
 */
export function criticGradients(shape: StepShape): Outputs {
  const { steps, parameters, lookup, alpha, latent, real, beta, lossScale } = pieces(shape);
  const outputs = new Map<string, Node>();
  const criticNodes = parameters("critic");
  const fake = stopGradient(generator(lookup(parameters("generator")), latent(), alpha, steps));
  const losses = criticLosses(lookup(criticNodes), real(), fake, beta(), alpha, steps);
  const averages = accumulate("critic", gradientsOf(losses.loss, criticNodes, lossScale), outputs);
  outputs.set("losses", vector(...criticLossNodes(losses), ...(lossScale ? [sumOfSquares(averages)] : [])));
  return outputs;
}

/** Generator gradients of one of several batches, through the critic as it is fed; otherwise as the critic's. */
export function generatorGradients(shape: StepShape): Outputs {
  const { steps, parameters, lookup, alpha, latent, lossScale } = pieces(shape);
  const outputs = new Map<string, Node>();
  const generatorNodes = parameters("generator");
  const fake = generator(lookup(generatorNodes), latent(), alpha, steps);
  const loss = generatorLoss(lookup(parameters("critic")), fake, alpha, steps);
  const averages = accumulate("generator", gradientsOf(loss, generatorNodes, lossScale), outputs);
  outputs.set("losses", vector(loss, ...(lossScale ? [sumOfSquares(averages)] : [])));
  return outputs;
}

/** One network's update from its averaged gradients. */
export function updateStep(shape: StepShape, network: Network): Outputs {
  const { graph, parameters, clocks } = pieces(shape);
  const outputs = new Map<string, Node>();
  const nodes = parameters(network);
  const slopes = new Map(
    [...nodes].map(([name, node]) => [name, input(graph, `${key(network, name)}/gradient`, node.shape)]),
  );
  update(network, nodes, slopes, clocks[network], outputs);
  return outputs;
}

/** Images from latent vectors. At 4x4, which has no tanh, values may lie beyond [-1, 1]. */
export function generation(
  shape: Pick<StepShape, "architecture" | "resolution" | "batchSize" | "fading">,
): Outputs {
  const none = new Map<string, number>();
  const { steps, parameters, lookup, alpha, latent } = pieces({
    ...shape,
    clocks: { generator: none, critic: none },
  });
  const images = generator(lookup(parameters("generator")), latent(), alpha, steps);
  return new Map([["images", images]]);
}
