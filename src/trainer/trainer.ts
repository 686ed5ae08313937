/**
 * The training itself, inside the engine's thread: holds the state, makes the graphs of a resolution when they are
 * first needed, and computes steps. A state that has been given away is never written to again, so the state before a
 * step can be given away whole when the step is done, without a copy; once it is saved, its memory comes back for the next.
 *
 * Two axes: where the parameters live (parameter-store.ts, updater.ts) and how a step is made of batches (steps.ts). A device
 * keeps the state and updates it in the graph. In memory the graph ends with the gradients, of which the engine hands out
 * copies, and Adam then works in place where nobody else holds the arrays: nothing in it can fail.
 */
import { dispose, fromEngine, toEngine } from "../engine/session.js";
import type { NamedArray } from "../base/named-arrays.js";
import { normal, uniform } from "../base/random.js";
import type { Architecture } from "../progan/config.js";
import { networks, type Network } from "../progan/parameters.js";
import type {
  ImageRequest,
  Noise,
  SkippedUpdate,
  StepRequest,
  StepResult,
  Trainer,
  TrainerOptions,
} from "./contract.js";
import { firstScales, nextScales } from "./loss-scale.js";
import { createParameterStore, type ParameterStore } from "./parameter-store.js";
import { createSessionCache, type SessionCache } from "./session-cache.js";
import type { TrainState } from "./state.js";
import { batchFeeds, lossesOf } from "./step-feeds.js";
import { createStepSessions, type StepSessions } from "./step-sessions.js";
import { stepAccumulated, stepWhole, type StepParts } from "./steps.js";
import { memoryOf, scalar } from "./tensors.js";
import { createUpdater } from "./updater.js";

/**
 * A trainer over a state, whose arrays it takes. Every array must own its buffer.
 * @param noise for tests that bring their own numbers
 */
export function createTrainer(
  { architecture, seed, engine, learningRate, precision = "float32" }: TrainerOptions,
  state: TrainState,
  noise: Noise = (index, size) => ({
    latent: normal(seed, "latent", index, size * architecture.latent),
    beta: uniform(seed, "beta", index, size),
  }),
): Trainer {
  const cache = createSessionCache();
  const scales = precision === "mixed" ? (state.scales ?? firstScales) : undefined;
  const store = createParameterStore(architecture, engine, cache, { ...state, scales });
  const sessions = createStepSessions(architecture, engine, precision, learningRate, cache, store);
  const updater = createUpdater(architecture, learningRate, store, sessions);
  const parts: StepParts = {
    store,
    sessions,
    updater,
    feedsOf: (batch, { resolution, alpha }) => batchFeeds(batch, architecture, resolution, alpha, noise),
  };
  return {
    async prepare(resolution, batches, alpha) {
      await store.enter(resolution);
      if (isWhole(batches, store)) {
        await sessions.whole(batches[0]!, alpha, updater.stepOutputs);
        return;
      }
      for (const network of networks) {
        for (const size of batches) await sessions.gradients(network, size, alpha);
      }
      await updater.prepare();
    },
    async step(request) {
      await store.enter(request.resolution);
      await releaseUnneeded(cache, store, request.alpha);
      return step(parts, request);
    },
    async images(request) {
      await store.enter(request.resolution);
      return drawImages(architecture, store, sessions, request);
    },
    copy: () => store.given(store.active, store.counts(), store.active),
    view: () => store.view(),
    get bytes() {
      return store.bytes;
    },
    take: () => store.take(),
    release: () => store.release(),
  };
}

/** Whether the step is one graph. In mixed precision the critic's gradients are looked at before its update. */
const isWhole = (batches: readonly unknown[], { scales }: Pick<ParameterStore, "scales">): boolean =>
  batches.length === 1 && scales === undefined;

/**
 * Drawing needs memory of its own, which training cannot spare for longer than a picture takes. The graphs of the fade-in are
 * needed no more once it is over, and hold as much memory as those that come after; on a device the state is theirs, so it is
 * fetched and brought back.
 */
async function releaseUnneeded(cache: SessionCache, store: ParameterStore, alpha: number): Promise<void> {
  await cache.release(({ kind }) => kind === "images");
  if (alpha === 1 && cache.has(({ fading }) => fading)) await store.reenter();
}

async function step(parts: StepParts, request: StepRequest): Promise<StepResult> {
  const { store } = parts;
  const whole = isWhole(request.batches, store);
  if (request.spare?.length && !store.onDevice) store.keepSpare(request.spare);
  const counts = store.counts();
  const nothing = new Map<string, never>();
  // On a device the old state must be fetched before it is given back; in memory it is simply kept.
  const early =
    request.handOver && store.onDevice ? await store.given(store.active, counts, nothing) : undefined;
  const { next, figures, overflowed } = await (whole ? stepWhole : stepAccumulated)(parts, request);
  store.scales &&= nextScales(store.scales, overflowed);
  const old = store.replace(
    next,
    networks.filter((network) => !overflowed.includes(network)),
  );
  const before = request.handOver ? (early ?? (await store.given(old, counts, next))) : undefined;
  const kept = new Set(next.values());
  dispose([...old.values()].filter((tensor) => !kept.has(tensor)));
  // A whole step has written over the old state; another one has left its memory.
  if (!store.onDevice && !before && !whole) store.keepSpare(memoryOf(old));
  return { losses: lossesOf(figures), before, skipped: skippedUpdates(store, overflowed) };
}

function skippedUpdates({ scales }: ParameterStore, overflowed: readonly Network[]): SkippedUpdate[] {
  return overflowed.map((network) => {
    const { scale, skipped } = scales![network];
    return { network, scale, skipped };
  });
}

/** Images that are drawn together. */
const imagesAtOnce = 16;

async function drawImages(
  { imageChannels }: Architecture,
  { active }: ParameterStore,
  sessions: StepSessions,
  { resolution, alpha, latents }: ImageRequest,
): Promise<NamedArray> {
  const [count, latent] = latents.shape as [number, number];
  const size = imageChannels * resolution * resolution;
  const all = new Float32Array(count * size);
  for (let start = 0; start < count; start += imagesAtOnce) {
    const some = Math.min(imagesAtOnce, count - start);
    const session = await sessions.images(some, alpha);
    const data = latents.data.slice(start * latent, (start + some) * latent);
    const feeds = new Map([...active, ["latent", toEngine({ shape: [some, latent], data })] as const]);
    const results = await session.run(feeds.set("alpha", scalar(alpha)));
    all.set(fromEngine(results.get("images")!).data, start * size);
  }
  return { shape: [count, imageChannels, resolution, resolution], data: all };
}
