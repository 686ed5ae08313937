/** The state of a training as named arrays, as the engine has it: `generator/NAME`, with `/exp_avg` and `/exp_avg_sq` for Adam's moments. */
import { setImmediate } from "node:timers/promises";
import { buffersOf, sizeOf, type NamedArray } from "../base/named-arrays.js";
import type { Architecture } from "../progan/config.js";
import { initialParameters, networks, parametersOf, type Network } from "../progan/parameters.js";
import type { LossScales } from "./loss-scale.js";

export interface TrainState {
  /** Parameters and moments. A parameter whose counter is 0 has no moments. */
  readonly arrays: Map<string, NamedArray>;
  /** Adam updates of each parameter, by `network/NAME`. */
  readonly counters: Map<string, number>;
  /** In mixed precision. */
  readonly scales?: LossScales | undefined;
}

/** The buffers that can be handed over with a state. None of no state. */
export function ownBuffers(state: Pick<TrainState, "arrays"> | undefined): ArrayBuffer[] {
  return buffersOf(state?.arrays.values() ?? []);
}

function* freshArrays(architecture: Architecture, seed: number) {
  for (const network of networks) {
    for (const [name, array] of initialParameters(network, architecture, seed))
      yield [`${network}/${name}`, array] as const;
  }
}

/** Fresh weights, no Adam state. Blocks; for large networks, seconds. */
export function freshState(architecture: Architecture, seed: number): TrainState {
  return { arrays: new Map(freshArrays(architecture, seed)), counters: new Map() };
}

/** The same, between which the program can answer. */
export async function freshStateInPieces(architecture: Architecture, seed: number): Promise<TrainState> {
  const arrays = new Map<string, NamedArray>();
  for (const [name, array] of freshArrays(architecture, seed)) {
    arrays.set(name, array);
    await setImmediate();
  }
  return { arrays, counters: new Map() };
}

/** Number of parameters of each network. */
export function parameterCounts(architecture: Architecture): Record<Network, number> {
  const count = (network: Network): number =>
    parametersOf(network, architecture).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return { generator: count("generator"), critic: count("critic") };
}
