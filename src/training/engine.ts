/** The engine as the training loop sees it: the same trainer, in a thread of its own. */
import { SHARE_ENV, Worker, type MessagePort } from "node:worker_threads";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import type { NamedArray } from "../base/named-arrays.js";
import type { MirrorPaths } from "../checkpoint/index.js";
import { callWorker } from "../base/worker-calls.js";
import { deferBusyThreads } from "../base/thread-priority.js";
import { workerEntry } from "../base/worker-entry.js";
import type { EngineCalls, PrepareRequest, StepAnswer } from "./engine-worker.js";
import type { ImageRequest, StepRequest, TrainerOptions } from "../trainer/contract.js";
import type { Copy } from "./mirror.js";
import { ownBuffers, type TrainState } from "../trainer/state.js";
import type { SealedState } from "./train-state.js";
import { patienceWith, watch } from "./watchdog.js";

/** What the engine tells by itself. */
export interface EngineListener {
  /**
   * There is a copy now of the state before the step under way, for when the engine can give it no more. Not every step
   * has one; the next one writes over it.
   */
  readonly mirrored?: (copy: Copy) => void;
  /** A call takes far longer than such calls have taken. @param usual the longest so far, in seconds */
  readonly slow?: (seconds: number, usual: number | undefined, giveUpAfter: number) => void;
}

/** Nobody waits for the engine any more. */
export class EngineLeft extends Error {}

/**
 * Every call fails with ENGINE_DIED once the thread has died, and with ENGINE_HUNG when it has not answered for so long
 * that it never will.
 */
export interface Engine {
  prepare(request: PrepareRequest): Promise<void>;
  step(request: StepRequest): Promise<StepAnswer>;
  images(request: ImageRequest): Promise<NamedArray>;
  /** Has a copy made of the newest finished state, as it is now: `mirrored` is told of it. */
  mirror(): Promise<void>;
  /** A copy of the newest finished state. */
  copy(): Promise<SealedState>;
  /**
   * The newest finished state; the engine then has none. Works after a step that failed, too.
   * @returns undefined when it has been taken already
   */
  take(): Promise<SealedState | undefined>;
  /** Whether it is at work. */
  readonly busy: boolean;
  /** Does not wait for what it is doing: that, and all that comes, fails with EngineLeft. The thread goes on by itself, after all others. */
  leave(): void;
  close(): Promise<void>;
}

/** The same state, each array in a buffer of its own, whole. */
function separate(state: TrainState): TrainState {
  const seen = new Set<ArrayBuffer>();
  const arrays = new Map<string, NamedArray>();
  for (const [name, { shape, data }] of state.arrays) {
    const own = data.byteLength === data.buffer.byteLength && !seen.has(data.buffer) ? data : data.slice();
    seen.add(own.buffer);
    arrays.set(name, { shape, data: own });
  }
  return { ...state, arrays };
}

export interface EngineTies {
  /** Where copies of the state outlive the process, if anywhere. */
  readonly mirrorIn?: MirrorPaths | undefined;
  /** Where the memory of states that it has handed over comes back, as lists of buffers; it is handed over. */
  readonly returned?: MessagePort | undefined;
}

/** Starts the engine on a state, whose arrays it takes. */
export async function startEngine(
  options: TrainerOptions,
  from: TrainState,
  listener: EngineListener = {},
  ties: EngineTies = {},
): Promise<Engine> {
  const state = separate(from);
  const thread = callWorker<EngineCalls>(
    // What engine/telemetry-off.ts sets is then set for the library, too.
    new Worker(workerEntry(import.meta.url, "./engine-worker.js"), { env: SHARE_ENV }),
  );
  /** The longest step of each resolution. */
  const longest = new Map<number, number>();

  /** @param usual seconds that such a call has taken at most */
  async function answered<Value>(call: Promise<Value>, usual?: number): Promise<Value> {
    const patience = patienceWith(usual);
    const end = watch(patience, {
      slow: (seconds) => listener.slow?.(seconds, usual, patience.giveUpAfter),
      hung: (seconds) => thread.abandon(new GuardapesosError("ENGINE_HUNG", { seconds })),
    });
    try {
      return await call;
    } catch (error) {
      const ours = error instanceof GuardapesosError || error instanceof EngineLeft;
      if (error !== thread.dead || ours) throw error;
      throw new GuardapesosError("ENGINE_DIED", { reason: reasonOf(error) }, error);
    } finally {
      end();
    }
  }

  const given = [...ownBuffers(state), ...(ties.returned ? [ties.returned] : [])];
  await answered(thread.call("load", { options, state, ...ties }, given));
  return {
    prepare: (request) => answered(thread.call("prepare", request)),
    async step(request) {
      const { resolution, batches } = request;
      const images = batches.map((batch) => batch.images.buffer);
      const started = performance.now();
      const usual = longest.get(resolution);
      const result = await answered(thread.call("step", request, images, listener.mirrored), usual);
      longest.set(resolution, Math.max(usual ?? 0, (performance.now() - started) / 1000));
      return result;
    },
    mirror: () => answered(thread.call("mirror", undefined, [], listener.mirrored)),
    images: (request) => answered(thread.call("images", request)),
    copy: () => answered(thread.call("copy", undefined)),
    take: () => answered(thread.call("take", undefined)),
    get busy() {
      return thread.busy;
    },
    leave: () => {
      if (thread.busy) deferBusyThreads();
      thread.abandon(new EngineLeft());
    },
    close: () => thread.end(),
  };
}
