/**
 * The training itself, inside the engine's thread: holds the state, makes the graphs of a resolution when they are
 * first needed, and computes steps. A state that has been given away is never written to again, so the state before a
 * step can be given away whole when the step is done, without a copy; once it is saved, its memory comes back for the next.
 *
 * A device keeps the state and updates it in the graph. In memory the graph ends with the gradients, of which the
 * engine hands out copies, and Adam then works in place where nobody else holds the arrays: nothing in it can fail.
 */
import { clockAt } from "../engine/adam.js";
import { adamInMemory } from "../engine/adam-in-memory.js";
import type { Precision } from "../engine/precision.js";
import {
  createSession,
  deviceCopy,
  dispose,
  fromEngine,
  toEngine,
  type EngineTensor,
  type Session,
} from "../engine/session.js";
import { isShared, sharedCopy, sizeOf, type NamedArray } from "../base/named-arrays.js";
import { normal, uniform } from "../base/random.js";
import type { Resolution } from "../progan/config.js";
import { activeParameters, networks, stepsOf, type Network } from "../progan/parameters.js";
import { firstScales, nextScales, type LossScales } from "./loss-scale.js";
import { activeOf, batchFeeds, clockFeeds, clocksOf, lossesOf, scalar } from "./step-feeds.js";
import {
  adamHyperparameters,
  criticGradients,
  generation,
  generatorGradients,
  stepGradients,
  updateStep,
  wholeStep,
  type Outputs,
  type StepShape,
} from "./step-graph.js";
import type { TrainState } from "./train-state.js";
import { createSpareMemory } from "./spare-memory.js";
import type { BatchData, Noise, StepRequest, Trainer, TrainerOptions } from "./trainer-contract.js";

type Tensors = Map<string, EngineTensor>;

interface Stepped {
  readonly next: Tensors;
  readonly figures: readonly number[];
  /** Networks whose gradients overflowed: `next` has them as they were. */
  readonly overflowed: readonly Network[];
}

const memoryOf = (tensors: Tensors): ArrayBuffer[] =>
  [...tensors.values()].map((tensor) => fromEngine(tensor).data.buffer);

const imagesAtOnce = 16;
/** The name of the graphs that draw begins with this. */
const drawingKey = "images";

/**
 * A trainer over a state, whose arrays it takes. Every array must own its buffer.
 * @param noise for tests that bring their own numbers
 */
export function createTrainer(
  { architecture, seed, engine, precision = "float32" }: TrainerOptions,
  state: TrainState,
  noise: Noise = (index, size) => ({
    latent: normal(seed, "latent", index, size * architecture.latent),
    beta: uniform(seed, "beta", index, size),
  }),
): Trainer {
  /** Arrays that no graph of this resolution uses. Once given away, they lie in shared memory, which is never written to. */
  const resting = new Map(state.arrays);
  const counters = new Map(state.counters);
  let scales: LossScales | undefined = precision === "mixed" ? (state.scales ?? firstScales) : undefined;
  const copy = deviceCopy(engine);
  /** The arrays of this resolution, where the engine wants them. */
  let active: Tensors = new Map();
  let here: Resolution | undefined;
  const sessions = new Map<string, Session>();
  const spare = createSpareMemory();

  const activeNames = (resolution: Resolution) => activeOf(architecture, resolution);
  const clocks = () => clocksOf(activeNames(here!), counters);
  const feedsOf = (batch: BatchData, { resolution, alpha }: StepRequest): Tensors =>
    batchFeeds(batch, architecture, resolution, alpha, noise);

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
        const rested = resting.get(full) ?? { shape, data: new Float32Array(sizeOf(shape)) };
        // The engine reads no shared memory.
        arrays.set(full, isShared(rested) ? { shape, data: new Float32Array(rested.data) } : rested);
      }
    }
    active = await copy.upload(arrays);
    // Only now: were there no memory for them, they would still be here to be saved.
    for (const name of arrays.keys()) resting.delete(name);
    here = resolution;
  }

  /**
   * The graphs of the fade-in are needed no more once it is over, and hold as much memory as those that come after. On a
   * device the state is theirs, so it is fetched and brought back.
   */
  async function endFading(alpha: number): Promise<void> {
    const over = alpha === 1 && [...sessions.keys()].some((key) => key.endsWith(" true"));
    if (!over) return;
    const resolution = here!;
    await leave();
    await enter(resolution);
  }

  async function session(
    what: string,
    key: string,
    outputs: () => Outputs,
    toMemory: string,
    computing: Precision = "float32",
  ): Promise<Session> {
    const known = sessions.get(key);
    if (known) return known;
    const place = `${here}x${here}`;
    const made = await createSession(`${what}, ${place}`, outputs(), engine, new Set([toMemory]), computing);
    sessions.set(key, made);
    return made;
  }

  /** Drawing needs memory of its own, which training cannot spare for longer than a picture takes. */
  async function releaseDrawing(): Promise<void> {
    for (const [key, drawing] of sessions) {
      if (!key.startsWith(drawingKey)) continue;
      sessions.delete(key);
      await drawing.release();
    }
  }

  const shapeOf = (batchSize: number, alpha: number): StepShape => ({
    architecture,
    resolution: here!,
    batchSize,
    fading: alpha < 1,
    clocks: clocks().shape,
    scaled: precision === "mixed",
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
      precision,
    );
  const updateSession = (network: Network): Promise<Session> =>
    session(`${network} update`, `update ${network}`, () => updateStep(shapeOf(1, 1), network), "");

  /**
   * A network's next state from its gradients `NAME/gradient`.
   * @param inPlace whether the current state may be written over, if it is in memory
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
      return one.run(new Map([...current, ...slopes, ...clockFeeds(clocks(), learningRate)]));
    }
    const next: Tensors = new Map();
    for (const { name, shape } of activeParameters(network, architecture, stepsOf(here!))) {
      const full = `${network}/${name}`;
      const clock = clockAt((counters.get(full) ?? 0) + 1, learningRate, adamHyperparameters);
      const parameter = fromEngine(current.get(full)!).data;
      const second = fromEngine(current.get(`${full}/exp_avg_sq`)!).data;
      const slope = slopes.get(`${full}/gradient`)!;
      const target = (data: Float32Array<ArrayBuffer>) =>
        inPlace ? data : new Float32Array(spare.take(data.byteLength));
      const into = { parameter: target(parameter), second: target(second) };
      adamInMemory(parameter, fromEngine(slope).data, second, clock, adamHyperparameters, into);
      next.set(full, toEngine({ shape, data: into.parameter }));
      next.set(`${full}/exp_avg`, slope);
      next.set(`${full}/exp_avg_sq`, toEngine({ shape, data: into.second }));
    }
    return next;
  }

  /** Whether the step is one graph. In mixed precision the critic's gradients are looked at before its update. */
  const isWhole = (batches: readonly unknown[]): boolean => batches.length === 1 && scales === undefined;

  /** One batch, one graph. */
  async function stepWhole(request: StepRequest): Promise<Stepped> {
    const [batch] = request.batches;
    const one = await stepSession(batch!.size, request.alpha);
    const feeds = [active, feedsOf(batch!, request), clockFeeds(clocks(), request.learningRate)];
    const results = await one.run(new Map(feeds.flatMap((some) => [...some])));
    const figures = Array.from(fromEngine(results.get("losses")!).data);
    results.delete("losses");
    if (copy.onDevice) return { next: results, figures, overflowed: [] };
    const next: Tensors = new Map();
    for (const network of networks) {
      const own = await updated(network, active, results, request.learningRate, !request.handOver);
      for (const [name, tensor] of own) next.set(name, tensor);
    }
    return { next, figures, overflowed: [] };
  }

  /**
   * Averages one network's gradients over the batches, then updates it. `current` has the newest of both networks.
   * @returns its part of the next state: undefined when its gradients overflowed, so that it stays as it is
   */
  async function stepNetwork(
    network: Network,
    request: StepRequest,
    current: Tensors,
  ): Promise<{ next: Tensors | undefined; figures: number[] }> {
    const scale = scales?.[network].scale ?? 1;
    const zeros = new Map<string, NamedArray>();
    for (const { name, shape } of activeParameters(network, architecture, stepsOf(request.resolution))) {
      zeros.set(`${network}/${name}/gradient`, { shape, data: new Float32Array(sizeOf(shape)) });
    }
    let averages: Tensors = await copy.upload(zeros);
    let figures: number[] = [];
    let squares = 0;
    for (const batch of request.batches) {
      const one = await gradientSession(network, batch.size, request.alpha);
      const feeds = feedsOf(batch, request)
        .set("weight", scalar(batch.weight / scale))
        .set("scale", scalar(scale));
      const results = await one.run(new Map([...current, ...averages, ...feeds]));
      const own = Array.from(fromEngine(results.get("losses")!).data);
      if (scales) squares = own.pop()!;
      figures = own.map((figure, i) => figure * batch.weight + (figures[i] ?? 0));
      results.delete("losses");
      dispose(averages.values());
      averages = results;
    }
    // Not in place: should a later batch fail, the state before this step must still be whole.
    const next = Number.isFinite(squares)
      ? await updated(network, current, averages, request.learningRate, false)
      : undefined;
    dispose(averages.values());
    return { next, figures };
  }

  async function stepAccumulated(request: StepRequest): Promise<Stepped> {
    const critic = await stepNetwork("critic", request, active);
    const between = new Map([...active, ...(critic.next ?? [])]);
    const generator = await stepNetwork("generator", request, between);
    return {
      next: new Map([...between, ...(generator.next ?? [])]),
      figures: [...critic.figures, ...generator.figures],
      overflowed: networks.filter((network) => !{ critic, generator }[network].next),
    };
  }

  /** The whole state, in memory that is not written to any more. @param next what training goes on with */
  async function given(
    of: Tensors,
    { counters: counts, scales: own }: Omit<TrainState, "arrays">,
    next: Tensors,
  ): Promise<TrainState> {
    for (const [name, array] of resting) if (!isShared(array)) resting.set(name, sharedCopy(array));
    const arrays = new Map(resting);
    for (const [name, { shape, data }] of await copy.download(of)) {
      const used = !copy.onDevice && next.get(name) === of.get(name);
      arrays.set(name, { shape, data: used ? data.slice() : data });
    }
    return { arrays, counters: new Map(counts), scales: own };
  }

  /** Sizes of the arrays that a state which is handed over must be replaced by. */
  const replaced = (): number[] =>
    [...active].filter(([name]) => !name.endsWith("/exp_avg")).map(([, { size }]) => 4 * size);

  return {
    async prepare(resolution, batches, alpha) {
      await enter(resolution);
      if (isWhole(batches)) {
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
      await releaseDrawing();
      await endFading(request.alpha);
      if (request.spare?.length && !copy.onDevice) spare.keep(request.spare, replaced());
      const old = active;
      const then = { counters: new Map(counters), scales };
      // On a device the old state must be fetched before it is given back; in memory it is simply kept.
      const early = request.handOver && copy.onDevice ? await given(old, then, new Map()) : undefined;
      const { next, figures, overflowed } = await (isWhole(request.batches) ? stepWhole : stepAccumulated)(
        request,
      );
      scales &&= nextScales(scales, overflowed);
      active = next;
      for (const [network, name] of activeNames(request.resolution)) {
        if (overflowed.includes(network)) continue;
        counters.set(`${network}/${name}`, (counters.get(`${network}/${name}`) ?? 0) + 1);
      }
      const before = request.handOver ? (early ?? (await given(old, then, next))) : undefined;
      const kept = new Set(next.values());
      dispose([...old.values()].filter((tensor) => !kept.has(tensor)));
      if (!copy.onDevice && !before && !isWhole(request.batches)) {
        const used = new Set(memoryOf(next));
        spare.keep(
          memoryOf(old).filter((buffer) => !used.has(buffer)),
          replaced(),
        );
      }
      const skipped = overflowed.map((network) => {
        const { scale, skipped: count } = scales![network];
        return { network, scale, skipped: count };
      });
      return { losses: lossesOf(figures), before, skipped };
    },
    async images({ resolution, alpha, latents }) {
      await enter(resolution);
      const [count, latent] = latents.shape;
      const size = architecture.imageChannels * resolution * resolution;
      const all = new Float32Array(count! * size);
      for (let start = 0; start < count!; start += imagesAtOnce) {
        const some = Math.min(imagesAtOnce, count! - start);
        const shape = { architecture, resolution, batchSize: some, fading: alpha < 1 };
        const one = await session(
          "images",
          `${drawingKey} ${some} ${alpha < 1}`,
          () => generation(shape),
          "images",
        );
        const data = latents.data.slice(start * latent!, (start + some) * latent!);
        const feeds = new Map([...active, ["latent", toEngine({ shape: [some, latent!], data })] as const]);
        const results = await one.run(feeds.set("alpha", scalar(alpha)));
        all.set(fromEngine(results.get("images")!).data, start * size);
      }
      return { shape: [count!, architecture.imageChannels, resolution, resolution], data: all };
    },
    copy: () => given(active, { counters, scales }, active),
    async view() {
      const arrays = new Map([...resting, ...(await copy.download(active))]);
      return { arrays, counters: new Map(counters), scales };
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
      const arrays = new Map(resting);
      resting.clear();
      return { arrays, counters: new Map(counters), scales };
    },
    release: releaseSessions,
  };
}
