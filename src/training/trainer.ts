/**
 * The training itself, inside the engine's thread: holds the state, makes the graphs of a resolution when they are
 * first needed, and computes steps. A state that has been given away is never written to again, so the state before a
 * step can be given away whole when the step is done: that is how a save costs training nothing.
 *
 * A device keeps the state and updates it in the graph. In memory the graph ends with the gradients, of which the
 * engine hands out copies, and Adam then works in place where nobody else holds the arrays: nothing in it can fail.
 */
import { adamInMemory, clockAt } from "../engine/adam.js";
import {
  createSession,
  deviceCopy,
  dispose,
  fromEngine,
  toEngine,
  type EngineOptions,
  type EngineTensor,
  type Session,
} from "../engine/session.js";
import { sizeOf, type NamedArray } from "../base/named-arrays.js";
import { normal, uniform } from "../base/random.js";
import type { Architecture, Resolution } from "../progan/config.js";
import { activeParameters, networks, stepsOf, type Network } from "../progan/parameters.js";
import type { BatchPlan } from "../progan/schedule.js";
import type { Losses } from "./events.js";
import {
  adamHyperparameters,
  correctionName,
  criticFigures,
  criticGradients,
  generation,
  generatorGradients,
  rateName,
  stepGradients,
  updateStep,
  wholeStep,
  type Outputs,
  type StepShape,
} from "./step-graph.js";
import type { TrainState } from "./train-state.js";

export interface TrainerOptions {
  readonly architecture: Architecture;
  /** Of the latent vectors and the penalty's mixing. */
  readonly seed: number;
  readonly engine: EngineOptions;
}

/** The random numbers of a batch, by its number: latent vectors (size, latent), and beta (size) for the penalty. */
export type Noise = (
  index: number,
  size: number,
) => { latent: Float32Array<ArrayBuffer>; beta: Float32Array<ArrayBuffer> };

export interface BatchData extends BatchPlan {
  /** (size, image channels, resolution, resolution) in [-1, 1]. */
  readonly images: Float32Array<ArrayBuffer>;
}

export interface StepRequest {
  readonly resolution: Resolution;
  readonly alpha: number;
  readonly learningRate: number;
  readonly batches: readonly BatchData[];
  /** Whether to give back the state as it was before this step. */
  readonly handOver: boolean;
}

export interface StepResult {
  readonly losses: Losses;
  /** The state before the step, if it was asked for. */
  readonly before: Snapshot | undefined;
}

export interface Snapshot {
  readonly state: TrainState;
  /** Buffers of those of its arrays that the trainer has let go of: free to hand over. The others it still uses. */
  readonly free: readonly ArrayBuffer[];
}

export interface ImageRequest {
  readonly resolution: Resolution;
  readonly alpha: number;
  /** (count, latent) */
  readonly latents: NamedArray;
}

export interface Trainer {
  /** Makes the graphs of a resolution, so that the first step does not have to. `batches`: the sizes in that step. */
  prepare(resolution: Resolution, batches: readonly number[], alpha: number): Promise<void>;
  step(request: StepRequest): Promise<StepResult>;
  /** (count, image channels, resolution, resolution) from latent vectors. */
  images(request: ImageRequest): Promise<NamedArray>;
  /** The state now, which the trainer goes on using. */
  copy(): Promise<TrainState>;
  /** The state now, to be read before anything else is asked: the trainer goes on writing to it. */
  view(): Promise<TrainState>;
  /** Bytes of the state. */
  readonly bytes: number;
  /** The state now, which the trainer then no longer has. */
  take(): Promise<Snapshot>;
  release(): Promise<void>;
}

type Tensors = Map<string, EngineTensor>;

const imagesAtOnce = 16;

const scalar = (value: number): EngineTensor => toEngine({ shape: [], data: Float32Array.of(value) });

/**
 * A trainer over a state, whose arrays it takes. Every array must own its buffer.
 * @param noise for tests that bring their own numbers
 */
export function createTrainer(
  { architecture, seed, engine }: TrainerOptions,
  state: TrainState,
  noise: Noise = (index, size) => ({
    latent: normal(seed, "latent", index, size * architecture.latent),
    beta: uniform(seed, "beta", index, size),
  }),
): Trainer {
  /** Arrays that no graph of this resolution uses. */
  const resting = new Map(state.arrays);
  const counters = new Map(state.counters);
  const copy = deviceCopy(engine);
  /** The arrays of this resolution, where the engine wants them. */
  let active: Tensors = new Map();
  let here: Resolution | undefined;
  const sessions = new Map<string, Session>();
  /** Buffers that someone outside may still read. */
  const lent = new WeakSet<ArrayBuffer>();

  const activeNames = (resolution: Resolution): (readonly [Network, string, readonly number[]])[] =>
    networks.flatMap((network) =>
      activeParameters(network, architecture, stepsOf(resolution)).map(
        (p) => [network, p.name, p.shape] as const,
      ),
    );

  /** Device memory ends with the session that made it, so tensors go first. */
  async function releaseSessions(): Promise<void> {
    dispose(active.values());
    active = new Map();
    for (const session of sessions.values()) await session.release();
    sessions.clear();
    await copy.release();
  }

  async function leave(): Promise<void> {
    for (const [name, array] of await copy.download(active)) resting.set(name, array);
    await releaseSessions();
    here = undefined;
  }

  async function enter(resolution: Resolution): Promise<void> {
    if (here === resolution) return;
    await leave();
    const arrays = new Map<string, NamedArray>();
    for (const [network, name, shape] of activeNames(resolution)) {
      // To draw images the generator alone is enough.
      if (!resting.has(`${network}/${name}`)) continue;
      for (const part of ["", "/exp_avg", "/exp_avg_sq"]) {
        const full = `${network}/${name}${part}`;
        arrays.set(full, resting.get(full) ?? { shape, data: new Float32Array(sizeOf(shape)) });
        resting.delete(full);
      }
    }
    active = await copy.upload(arrays);
    here = resolution;
  }

  /** Parameters with equal counters share a clock; all of them advance together, so that stays so. */
  function clocks(): { shape: StepShape["clocks"]; counts: Record<Network, number[]> } {
    const shape = { generator: new Map<string, number>(), critic: new Map<string, number>() };
    const counts: Record<Network, number[]> = { generator: [], critic: [] };
    for (const [network, name] of activeNames(here!)) {
      const count = counters.get(`${network}/${name}`) ?? 0;
      if (!counts[network].includes(count)) counts[network].push(count);
      shape[network].set(name, counts[network].indexOf(count));
    }
    return { shape, counts };
  }

  async function session(
    what: string,
    key: string,
    outputs: () => Outputs,
    toMemory: string,
  ): Promise<Session> {
    const known = sessions.get(key);
    if (known) return known;
    const made = await createSession(`${what}, ${here}x${here}`, outputs(), engine, new Set([toMemory]));
    sessions.set(key, made);
    return made;
  }

  const shapeOf = (batchSize: number, alpha: number): StepShape => ({
    architecture,
    resolution: here!,
    batchSize,
    fading: alpha < 1,
    clocks: clocks().shape,
  });
  const stepSession = (size: number, alpha: number): Promise<Session> =>
    session(
      "training step",
      `whole ${size} ${alpha < 1}`,
      () => (copy.onDevice ? wholeStep : stepGradients)(shapeOf(size, alpha)),
      "losses",
    );
  const gradientSession = (network: Network, size: number, alpha: number): Promise<Session> =>
    session(
      `${network} gradients`,
      `gradients ${network} ${size} ${alpha < 1}`,
      () => (network === "critic" ? criticGradients : generatorGradients)(shapeOf(size, alpha)),
      "losses",
    );
  const updateSession = (network: Network): Promise<Session> =>
    session(`${network} update`, `update ${network}`, () => updateStep(shapeOf(1, 1), network), "");

  function clockFeeds(learningRate: number): Tensors {
    const feeds: Tensors = new Map();
    const { counts } = clocks();
    for (const network of networks) {
      counts[network].forEach((count, clock) => {
        const { rate, correction } = clockAt(count + 1, learningRate, adamHyperparameters);
        feeds.set(rateName(network, clock), scalar(rate));
        feeds.set(correctionName(network, clock), scalar(correction));
      });
    }
    return feeds;
  }

  function batchFeeds({ index, size, images }: BatchData, resolution: Resolution, alpha: number): Tensors {
    const { latent, imageChannels } = architecture;
    const tensor = (shape: readonly number[], data: Float32Array<ArrayBuffer>) => toEngine({ shape, data });
    const drawn = noise(index, size);
    return new Map([
      ["latent", tensor([size, latent], drawn.latent)],
      ["beta", tensor([size, 1, 1, 1], drawn.beta)],
      ["real", tensor([size, imageChannels, resolution, resolution], images)],
      ["alpha", scalar(alpha)],
    ]);
  }

  function lossesOf(figures: ArrayLike<number>): Losses {
    const [criticLoss, gradientPenalty, realScore, fakeScore] = criticFigures.map((_, i) => figures[i]!);
    return {
      criticLoss: criticLoss!,
      gradientPenalty: gradientPenalty!,
      realScore: realScore!,
      fakeScore: fakeScore!,
      generatorLoss: figures[criticFigures.length]!,
    };
  }

  /**
   * A network's next state from its gradients `NAME/gradient`.
   * @param inPlace whether the current state may be written over, if it is in memory and nobody else holds it
   */
  async function updated(
    network: Network,
    current: Tensors,
    slopes: Tensors,
    learningRate: number,
    inPlace: boolean,
  ): Promise<Tensors> {
    if (copy.onDevice) {
      const one = await updateSession(network);
      return one.run(new Map([...current, ...slopes, ...clockFeeds(learningRate)]));
    }
    const next: Tensors = new Map();
    for (const { name, shape } of activeParameters(network, architecture, stepsOf(here!))) {
      const full = `${network}/${name}`;
      const clock = clockAt((counters.get(full) ?? 0) + 1, learningRate, adamHyperparameters);
      const parameter = fromEngine(current.get(full)!).data;
      const second = fromEngine(current.get(`${full}/exp_avg_sq`)!).data;
      const slope = slopes.get(`${full}/gradient`)!;
      const target = (data: Float32Array<ArrayBuffer>) =>
        inPlace && !lent.has(data.buffer) ? data : new Float32Array(data.length);
      const into = { parameter: target(parameter), second: target(second) };
      adamInMemory(parameter, fromEngine(slope).data, second, clock, adamHyperparameters, into);
      next.set(full, toEngine({ shape, data: into.parameter }));
      next.set(`${full}/exp_avg`, slope);
      next.set(`${full}/exp_avg_sq`, toEngine({ shape, data: into.second }));
    }
    return next;
  }

  /** One batch, one graph. */
  async function stepWhole(request: StepRequest): Promise<{ next: Tensors; figures: number[] }> {
    const [batch] = request.batches;
    const one = await stepSession(batch!.size, request.alpha);
    const feeds = [
      active,
      batchFeeds(batch!, request.resolution, request.alpha),
      clockFeeds(request.learningRate),
    ];
    const results = await one.run(new Map(feeds.flatMap((some) => [...some])));
    const figures = Array.from(fromEngine(results.get("losses")!).data);
    results.delete("losses");
    if (copy.onDevice) return { next: results, figures };
    const next: Tensors = new Map();
    for (const network of networks) {
      const own = await updated(network, active, results, request.learningRate, !request.handOver);
      for (const [name, tensor] of own) next.set(name, tensor);
    }
    return { next, figures };
  }

  /** Averages one network's gradients over the batches, then updates it. `current` has the newest of both networks. */
  async function stepNetwork(
    network: Network,
    request: StepRequest,
    current: Tensors,
  ): Promise<{ next: Tensors; figures: number[] }> {
    const zeros = new Map<string, NamedArray>();
    for (const { name, shape } of activeParameters(network, architecture, stepsOf(request.resolution))) {
      zeros.set(`${network}/${name}/gradient`, { shape, data: new Float32Array(sizeOf(shape)) });
    }
    let averages: Tensors = await copy.upload(zeros);
    let figures: number[] = [];
    for (const batch of request.batches) {
      const one = await gradientSession(network, batch.size, request.alpha);
      const feeds = batchFeeds(batch, request.resolution, request.alpha).set("weight", scalar(batch.weight));
      const results = await one.run(new Map([...current, ...averages, ...feeds]));
      const own = Array.from(fromEngine(results.get("losses")!).data, (figure) => figure * batch.weight);
      figures = own.map((figure, i) => figure + (figures[i] ?? 0));
      results.delete("losses");
      dispose(averages.values());
      averages = results;
    }
    // Not in place: should a later batch fail, the state before this step must still be whole.
    const next = await updated(network, current, averages, request.learningRate, false);
    dispose(averages.values());
    return { next, figures };
  }

  async function stepAccumulated(request: StepRequest): Promise<{ next: Tensors; figures: number[] }> {
    const critic = await stepNetwork("critic", request, active);
    const between = new Map([...active, ...critic.next]);
    const generator = await stepNetwork("generator", request, between);
    return {
      next: new Map([...critic.next, ...generator.next]),
      figures: [...critic.figures, ...generator.figures],
    };
  }

  /** The whole state in memory; of `of` nothing is kept. */
  async function snapshot(of: Tensors, counts: ReadonlyMap<string, number>): Promise<Snapshot> {
    const own = await copy.download(of);
    const arrays = new Map([...resting, ...own]);
    for (const { data } of arrays.values()) lent.add(data.buffer);
    return {
      state: { arrays, counters: new Map(counts) },
      free: [...own.values()].map(({ data }) => data.buffer),
    };
  }

  return {
    async prepare(resolution, batches, alpha) {
      await enter(resolution);
      if (batches.length === 1) {
        await stepSession(batches[0]!, alpha);
        return;
      }
      for (const network of networks) {
        for (const size of batches) await gradientSession(network, size, alpha);
        if (copy.onDevice) await updateSession(network);
      }
    },
    async step(request) {
      await enter(request.resolution);
      const old = active;
      const counts = new Map(counters);
      // On a device the old state must be fetched before it is given back; in memory it is simply kept.
      const early = request.handOver && copy.onDevice ? await snapshot(old, counts) : undefined;
      const { next, figures } = await (request.batches.length === 1 ? stepWhole : stepAccumulated)(request);
      active = next;
      for (const [network, name] of activeNames(request.resolution)) {
        counters.set(`${network}/${name}`, (counters.get(`${network}/${name}`) ?? 0) + 1);
      }
      const before = request.handOver ? (early ?? (await snapshot(old, counts))) : undefined;
      dispose(old.values());
      return { losses: lossesOf(figures), before };
    },
    async images({ resolution, alpha, latents }) {
      await enter(resolution);
      const [count, latent] = latents.shape;
      const size = architecture.imageChannels * resolution * resolution;
      const all = new Float32Array(count! * size);
      for (let start = 0; start < count!; start += imagesAtOnce) {
        const some = Math.min(imagesAtOnce, count! - start);
        const shape = { architecture, resolution, batchSize: some, fading: alpha < 1 };
        const one = await session("images", `images ${some} ${alpha < 1}`, () => generation(shape), "images");
        const data = latents.data.slice(start * latent!, (start + some) * latent!);
        const feeds = new Map([...active, ["latent", toEngine({ shape: [some, latent!], data })] as const]);
        const results = await one.run(feeds.set("alpha", scalar(alpha)));
        all.set(fromEngine(results.get("images")!).data, start * size);
      }
      return { shape: [count!, architecture.imageChannels, resolution, resolution], data: all };
    },
    async copy() {
      return (await snapshot(active, counters)).state;
    },
    async view() {
      return { arrays: new Map([...resting, ...(await copy.download(active))]), counters: new Map(counters) };
    },
    get bytes() {
      const elements = [...resting.values()].map(({ shape }) => sizeOf(shape));
      return (
        4 *
        [...active.values()].reduce(
          (sum, { size }) => sum + size,
          elements.reduce((a, b) => a + b, 0),
        )
      );
    },
    async take() {
      await leave();
      const state = { arrays: new Map(resting), counters: new Map(counters) };
      resting.clear();
      return { state, free: [...state.arrays.values()].map(({ data }) => data.buffer) };
    },
    release: releaseSessions,
  };
}
