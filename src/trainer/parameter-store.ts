/**
 * Where the parameters and their moments are: those of the resolution that is trained where the engine wants them (in memory,
 * or on the device), all others at rest. A state that has been given away is never written to again.
 */
import { deviceCopy, dispose, type DeviceCopy, type EngineOptions } from "../engine/session.js";
import { isShared, sharedCopy, sizeOf, type NamedArray } from "../base/named-arrays.js";
import type { Architecture, Resolution } from "../progan/config.js";
import { activeParameters, stepsOf, type Network } from "../progan/parameters.js";
import type { LossScales } from "./loss-scale.js";
import type { SessionCache } from "./session-cache.js";
import { createSpareMemory, type SpareMemory } from "./spare-memory.js";
import type { TrainState } from "./state.js";
import { activeOf } from "./step-feeds.js";
import { memoryOf, type Tensors } from "./tensors.js";

/** What a state says beside its arrays. */
export type Counts = Omit<TrainState, "arrays">;

export interface ParameterStore {
  /** Whether the state lives on the device; else in memory. */
  readonly onDevice: boolean;
  /** The resolution that is trained. REQUIRES: one was entered. */
  readonly resolution: Resolution;
  /** Its arrays. */
  readonly active: Tensors;
  /** Adam updates of each parameter, by `network/NAME`. */
  readonly counters: ReadonlyMap<string, number>;
  /** In mixed precision. */
  scales: LossScales | undefined;
  /** Memory for the next arrays, where the state is in memory. */
  readonly spare: SpareMemory;
  /** The parameters that it trains, of both networks, in the order of the graphs. */
  names(): ReturnType<typeof activeOf>;
  /** Makes a resolution the one that is trained. */
  enter(resolution: Resolution): Promise<void>;
  /** Enters it anew, without the graphs that were made for it. */
  reenter(): Promise<void>;
  /** Zeros in the shapes of a network's gradients, as `NAME/gradient`. */
  zeroGradients(network: Network): Promise<Tensors>;
  /** Makes `next` the active arrays, and counts an update of each parameter of these networks. @returns those before */
  replace(next: Tensors, updated: readonly Network[]): Tensors;
  /** Keeps memory of states that are needed no more for the arrays to come. */
  keepSpare(buffers: readonly ArrayBuffer[]): void;
  /** What `counters` and `scales` are now, for a state that is given away later. */
  counts(): Counts;
  /**
   * The whole state, in memory that is not written to any more.
   * @param of the active arrays that it is to have
   * @param next what training goes on with: what is in both, and in memory, is copied
   */
  given(of: Tensors, counts: Counts, next: Tensors): Promise<TrainState>;
  /** The state now, to be read before anything else is asked. */
  view(): Promise<TrainState>;
  /** The state now, which the store then no longer has. */
  take(): Promise<TrainState>;
  /** Of the state. */
  readonly bytes: number;
  /** Releases what the active arrays need, and them. */
  release(): Promise<void>;
}

/** @param state whose arrays it takes */
export function createParameterStore(
  architecture: Architecture,
  engine: EngineOptions,
  sessions: SessionCache,
  state: TrainState,
): ParameterStore {
  return new Parameters(architecture, deviceCopy(engine), sessions, state);
}

/** Owns device memory, which ends with the session that made it. */
class Parameters implements ParameterStore {
  readonly counters: Map<string, number>;
  readonly spare = createSpareMemory();
  scales: LossScales | undefined;
  readonly #architecture: Architecture;
  readonly #copy: DeviceCopy;
  readonly #sessions: SessionCache;
  /** Arrays that no graph of this resolution uses. Once given away, they lie in shared memory, which is never written to. */
  readonly #resting: Map<string, NamedArray>;
  #active: Tensors = new Map();
  #here: Resolution | undefined;

  constructor(architecture: Architecture, copy: DeviceCopy, sessions: SessionCache, state: TrainState) {
    this.#architecture = architecture;
    this.#copy = copy;
    this.#sessions = sessions;
    this.#resting = new Map(state.arrays);
    this.counters = new Map(state.counters);
    this.scales = state.scales;
  }

  get onDevice(): boolean {
    return this.#copy.onDevice;
  }

  get resolution(): Resolution {
    return this.#here!;
  }

  get active(): Tensors {
    return this.#active;
  }

  names(): ReturnType<typeof activeOf> {
    return activeOf(this.#architecture, this.resolution);
  }

  async enter(resolution: Resolution): Promise<void> {
    if (this.#here === resolution) return;
    await this.#leave();
    const arrays = new Map<string, NamedArray>();
    for (const [network, name, shape] of activeOf(this.#architecture, resolution)) {
      // To draw images the generator alone is enough.
      if (!this.#resting.has(`${network}/${name}`)) continue;
      for (const part of ["", "/exp_avg", "/exp_avg_sq"]) {
        const full = `${network}/${name}${part}`;
        const rested = this.#resting.get(full) ?? { shape, data: new Float32Array(sizeOf(shape)) };
        // The engine reads no shared memory.
        arrays.set(full, isShared(rested) ? { shape, data: new Float32Array(rested.data) } : rested);
      }
    }
    this.#active = await this.#copy.upload(arrays);
    // Only now: were there no memory for them, they would still be here to be saved.
    for (const name of arrays.keys()) this.#resting.delete(name);
    this.#here = resolution;
  }

  async reenter(): Promise<void> {
    const { resolution } = this;
    await this.#leave();
    await this.enter(resolution);
  }

  async #leave(): Promise<void> {
    for (const [name, array] of await this.#copy.download(this.#active)) this.#resting.set(name, array);
    await this.release();
    this.#here = undefined;
  }

  zeroGradients(network: Network): Promise<Tensors> {
    const zeros = new Map<string, NamedArray>();
    const steps = stepsOf(this.resolution);
    for (const { name, shape } of activeParameters(network, this.#architecture, steps)) {
      zeros.set(`${network}/${name}/gradient`, { shape, data: new Float32Array(sizeOf(shape)) });
    }
    return this.#copy.upload(zeros);
  }

  replace(next: Tensors, updated: readonly Network[]): Tensors {
    const before = this.#active;
    this.#active = next;
    for (const [network, name] of this.names()) {
      if (!updated.includes(network)) continue;
      const full = `${network}/${name}`;
      this.counters.set(full, (this.counters.get(full) ?? 0) + 1);
    }
    return before;
  }

  keepSpare(buffers: readonly ArrayBuffer[]): void {
    // A gradient takes the place of the first moment: that array is not made here.
    const made = [...this.#active].filter(([name]) => !name.endsWith("/exp_avg"));
    const used = new Set(memoryOf(this.#active));
    this.spare.keep(
      buffers.filter((buffer) => !used.has(buffer)),
      made.map(([, { size }]) => 4 * size),
    );
  }

  counts(): Counts {
    return { counters: new Map(this.counters), scales: this.scales };
  }

  async given(of: Tensors, { counters, scales }: Counts, next: Tensors): Promise<TrainState> {
    for (const [name, array] of this.#resting) {
      if (!isShared(array)) this.#resting.set(name, sharedCopy(array));
    }
    const arrays = new Map(this.#resting);
    for (const [name, { shape, data }] of await this.#copy.download(of)) {
      const used = !this.onDevice && next.get(name) === of.get(name);
      arrays.set(name, { shape, data: used ? data.slice() : data });
    }
    return { arrays, counters: new Map(counters), scales };
  }

  async view(): Promise<TrainState> {
    const arrays = new Map([...this.#resting, ...(await this.#copy.download(this.#active))]);
    return { arrays, ...this.counts() };
  }

  async take(): Promise<TrainState> {
    await this.#leave();
    const arrays = new Map(this.#resting);
    this.#resting.clear();
    return { arrays, ...this.counts() };
  }

  get bytes(): number {
    const resting = [...this.#resting.values()].map(({ shape }) => sizeOf(shape));
    const active = [...this.#active.values()].map(({ size }) => size);
    return 4 * [...resting, ...active].reduce((sum, size) => sum + size, 0);
  }

  async release(): Promise<void> {
    dispose(this.#active.values());
    this.#active = new Map();
    await this.#sessions.release();
    await this.#copy.release();
  }
}
