/**
 * How gradients become the next state: on a device by a graph, in memory by Adam in place where nobody else holds the arrays;
 * nothing in that can fail.
 */
import { clockAt } from "../engine/adam.js";
import { adamInMemory } from "../engine/adam-in-memory.js";
import { fromEngine, toEngine } from "../engine/session.js";
import type { Architecture } from "../progan/config.js";
import { activeParameters, networks, stepsOf, type Network } from "../progan/parameters.js";
import type { StepRequest } from "./contract.js";
import type { ParameterStore } from "./parameter-store.js";
import { adamHyperparameters, stepGradients, wholeStep, type Outputs, type StepShape } from "./step-graph.js";
import type { StepSessions } from "./step-sessions.js";
import type { Tensors } from "./tensors.js";

export interface Updater {
  /** What the graph of a step of one batch ends with: the next state, or the gradients. */
  readonly stepOutputs: (shape: StepShape) => Outputs;
  /** Makes what an update needs. */
  prepare(): Promise<void>;
  /** The next state, from what that graph has answered. The current one may be written over unless it is to be given away. */
  finishStep(results: Tensors, request: Pick<StepRequest, "handOver">): Promise<Tensors>;
  /**
   * A network's next state.
   * @param current of both networks, as new as they are; stays as it is
   * @param gradients `NAME/gradient`, which become the first moments
   */
  update(network: Network, current: Tensors, gradients: Tensors): Promise<Tensors>;
}

export function createUpdater(
  architecture: Architecture,
  learningRate: number,
  store: ParameterStore,
  sessions: StepSessions,
): Updater {
  return store.onDevice ? deviceUpdater(sessions) : memoryUpdater(architecture, learningRate, store);
}

function deviceUpdater(sessions: StepSessions): Updater {
  return {
    stepOutputs: wholeStep,
    async prepare() {
      for (const network of networks) await sessions.update(network);
    },
    finishStep: (results) => Promise.resolve(results),
    async update(network, current, gradients) {
      const session = await sessions.update(network);
      return session.run(new Map([...current, ...gradients, ...sessions.clockFeeds()]));
    },
  };
}

function memoryUpdater(architecture: Architecture, learningRate: number, store: ParameterStore): Updater {
  /** @param inPlace whether the current state may be written over */
  const update = (network: Network, current: Tensors, gradients: Tensors, inPlace: boolean): Tensors => {
    const target = (data: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> =>
      inPlace ? data : new Float32Array(store.spare.take(data.byteLength));
    const next: Tensors = new Map();
    for (const { name, shape } of activeParameters(network, architecture, stepsOf(store.resolution))) {
      const full = `${network}/${name}`;
      const clock = clockAt((store.counters.get(full) ?? 0) + 1, learningRate, adamHyperparameters);
      const parameter = fromEngine(current.get(full)!).data;
      const second = fromEngine(current.get(`${full}/exp_avg_sq`)!).data;
      const gradient = gradients.get(`${full}/gradient`)!;
      const into = { parameter: target(parameter), second: target(second) };
      adamInMemory(parameter, fromEngine(gradient).data, second, clock, adamHyperparameters, into);
      next.set(full, toEngine({ shape, data: into.parameter }));
      next.set(`${full}/exp_avg`, gradient);
      next.set(`${full}/exp_avg_sq`, toEngine({ shape, data: into.second }));
    }
    return next;
  };
  return {
    stepOutputs: stepGradients,
    prepare: () => Promise.resolve(),
    finishStep(results, { handOver }) {
      const { active } = store;
      const parts = networks.map((network) => update(network, active, results, !handOver));
      return Promise.resolve(new Map(parts.flatMap((part) => [...part])));
    },
    update: (network, current, gradients) => Promise.resolve(update(network, current, gradients, false)),
  };
}
