/** The state of a training as the networks of a checkpoint, which is how a file has it, and back. */
import type { AdamEntry, NetworkState } from "../checkpoint/index.js";
import type { NamedArray } from "../base/named-arrays.js";
import { GuardapesosError } from "../base/errors.js";
import { seal, type Sealed } from "../base/sealed.js";
import type { Architecture } from "../progan/config.js";
import { networks, parametersOf, stateDictKeys, type Network } from "../progan/parameters.js";
import type { LossScales } from "../trainer/loss-scale.js";
import { ownBuffers, type TrainState } from "../trainer/state.js";
import { adamHyperparameters } from "../trainer/step-graph.js";

function toNetwork(
  network: Network,
  state: TrainState,
  architecture: Architecture,
  lr: number,
): NetworkState {
  const array = (name: string): NamedArray => state.arrays.get(`${network}/${name}`)!;
  const parameters = parametersOf(network, architecture).map(({ name }) => name);
  const entries = new Map<string, AdamEntry>();
  for (const name of parameters) {
    const step = state.counters.get(`${network}/${name}`) ?? 0;
    if (step === 0) continue;
    entries.set(name, { step, expAvg: array(`${name}/exp_avg`), expAvgSq: array(`${name}/exp_avg_sq`) });
  }
  return {
    stateDict: new Map(
      stateDictKeys(network, architecture).map(([key, parameter]) => [key, array(parameter)]),
    ),
    parameters,
    adam: { options: { lr, ...adamHyperparameters }, entries },
  };
}

/** The networks of a checkpoint. Shares the arrays. @param lr learning rate, for the optimizer's param_group */
export function toNetworks(
  state: TrainState,
  architecture: Architecture,
  lr: number,
): Map<Network, NetworkState> {
  return new Map(networks.map((network) => [network, toNetwork(network, state, architecture, lr)]));
}

/** A state on its way to the writer. */
export interface SealedState {
  readonly networks: Sealed<ReadonlyMap<Network, NetworkState>>;
  readonly scales: LossScales | undefined;
}

/** Hands over a state's arrays, except those in shared memory. @param lr see toNetworks */
export function sealState(state: TrainState, architecture: Architecture, lr: number): SealedState {
  const sealed = seal(toNetworks(state, architecture, lr), ownBuffers(state));
  return { networks: sealed, scales: state.scales };
}

/** What a network of a checkpoint is, from its shapes alone. */
export function architectureOf(generatorState: NetworkState): Architecture | undefined {
  const first = generatorState.stateDict.get("initial.1.weight")?.shape;
  const rgb = generatorState.stateDict.get("initial_rgb.conv.weight")?.shape;
  if (first?.length !== 4 || rgb?.length !== 4) return undefined;
  return { latent: first[0]!, channels: first[1]!, imageChannels: rgb[0]! };
}

/** How the shapes in a checkpoint differ from those of an architecture, at most a few, as "name: (a) != (b)". */
function differences(
  checkpoint: ReadonlyMap<string, NetworkState>,
  architecture: Architecture,
  wanted: readonly Network[],
): string[] {
  return wanted.flatMap((network) => {
    const stateDict = checkpoint.get(network)?.stateDict;
    if (!stateDict) return [`${network}: -`];
    return parametersOf(network, architecture).flatMap(({ name, shape }) => {
      const found = stateDict.get(name)?.shape;
      return found?.join() === shape.join()
        ? []
        : [`${network} ${name}: ${found ? `(${found.join(", ")})` : "-"} ≠ (${shape.join(", ")})`];
    });
  });
}

/**
 * The state in a checkpoint. Shares the arrays.
 * @param wanted the networks it is to hold
 * @throws CHECKPOINT_ARCHITECTURE when its networks are not of this architecture
 */
export function fromNetworks(
  checkpoint: ReadonlyMap<string, NetworkState>,
  architecture: Architecture,
  id: string,
  wanted: readonly Network[] = networks,
): TrainState {
  const differing = differences(checkpoint, architecture, wanted);
  if (differing.length > 0) {
    const found = checkpoint.get("generator");
    const own = found && architectureOf(found);
    const sizes = own
      ? (["latent", "channels", "imageChannels"] as const)
          .filter((size) => own[size] !== architecture[size])
          .map((size) => `${size}: ${own[size]} ≠ ${architecture[size]}`)
      : [];
    throw new GuardapesosError("CHECKPOINT_ARCHITECTURE", {
      id,
      differences: sizes.length > 0 ? sizes : differing.slice(0, 3),
      options: sizes.length > 0,
    });
  }
  const arrays = new Map<string, NamedArray>();
  const counters = new Map<string, number>();
  for (const network of wanted) {
    const { stateDict, adam } = checkpoint.get(network)!;
    for (const { name } of parametersOf(network, architecture)) {
      arrays.set(`${network}/${name}`, stateDict.get(name)!);
      const entry = adam?.entries.get(name);
      if (!entry || entry.step === 0) continue;
      counters.set(`${network}/${name}`, entry.step);
      arrays.set(`${network}/${name}/exp_avg`, entry.expAvg);
      arrays.set(`${network}/${name}/exp_avg_sq`, entry.expAvgSq);
    }
  }
  return { arrays, counters };
}
