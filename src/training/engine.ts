/** The engine as the training loop sees it: the same trainer, in a thread of its own. */
import { Worker } from "node:worker_threads";
import type { NamedArray } from "../base/named-arrays.js";
import { callWorker } from "../base/worker-calls.js";
import { workerEntry } from "../base/worker-entry.js";
import type { EngineCalls, PrepareRequest } from "./engine-worker.js";
import type { ImageRequest, StepRequest, TrainerOptions } from "./trainer.js";
import type { Losses } from "./events.js";
import type { TrainState } from "./train-state.js";

export interface Engine {
  prepare(request: PrepareRequest): Promise<void>;
  step(request: StepRequest): Promise<{ losses: Losses; before: TrainState | undefined }>;
  images(request: ImageRequest): Promise<NamedArray>;
  /** A copy of the newest finished state. */
  copy(): Promise<TrainState>;
  /** The newest finished state; the engine then has none. Works after a step that failed, too. */
  take(): Promise<TrainState>;
  close(): Promise<void>;
}

/** Distinct buffers of a state, each of which holds one array whole. */
function ownBuffers(state: TrainState): TrainState {
  const seen = new Set<ArrayBuffer>();
  const arrays = new Map<string, NamedArray>();
  for (const [name, { shape, data }] of state.arrays) {
    const own = data.byteLength === data.buffer.byteLength && !seen.has(data.buffer) ? data : data.slice();
    seen.add(own.buffer);
    arrays.set(name, { shape, data: own });
  }
  return { arrays, counters: state.counters };
}

/** Starts the engine on a state, whose arrays it takes. */
export async function startEngine(options: TrainerOptions, given: TrainState): Promise<Engine> {
  const state = ownBuffers(given);
  const thread = callWorker<EngineCalls>(new Worker(workerEntry(import.meta.url, "./engine-worker.js")));
  const buffers = [...state.arrays.values()].map(({ data }) => data.buffer);
  await thread.call("load", { options, state }, buffers);
  return {
    prepare: (request) => thread.call("prepare", request),
    step: (request) =>
      thread.call(
        "step",
        request,
        request.batches.map(({ images }) => images.buffer),
      ),
    images: (request) => thread.call("images", request),
    copy: () => thread.call("copy", undefined),
    take: () => thread.call("take", undefined),
    close: () => thread.end(),
  };
}
