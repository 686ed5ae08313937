/** The engine's thread: `session.run` blocks whichever thread calls it, so it calls from here. */
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { answerCalls, HandOver } from "../base/worker-calls.js";
import type { EngineTies } from "./engine.js";
import { createMirror, type Copy, type Mirror } from "./mirror.js";
import { requireHalf } from "../engine/session.js";
import { createTrainer } from "../trainer/trainer.js";
import type { ImageRequest, StepRequest, StepResult, Trainer, TrainerOptions } from "../trainer/contract.js";
import type { Resolution } from "../progan/config.js";
import type { TrainState } from "../trainer/state.js";
import { sealState, type SealedState } from "./train-state.js";

let trainer: Trainer | undefined;
let trained: Pick<TrainerOptions, "architecture" | "learningRate">;
let mirror: Mirror;
let returned: MessagePort | undefined;

export interface PrepareRequest {
  readonly resolution: Resolution;
  readonly batches: readonly number[];
  readonly alpha: number;
}

interface Load extends EngineTies {
  readonly options: TrainerOptions;
  readonly state: TrainState;
}

export interface StepAnswer extends Omit<StepResult, "before"> {
  readonly before: SealedState | undefined;
  /** The arrays of the request, given back. */
  readonly images: readonly Float32Array<ArrayBuffer>[];
}

/** The memory of the state that has come back last, if one has. */
function takeReturned(): ArrayBuffer[] {
  let buffers: ArrayBuffer[] = [];
  for (let next; (next = returned && receiveMessageOnPort(returned));)
    buffers = next.message as ArrayBuffer[];
  return buffers;
}

const sealed = (state: TrainState): SealedState =>
  sealState(state, trained.architecture, trained.learningRate);
const handOver = (state: SealedState): HandOver<SealedState> => new HandOver(state, [state.networks]);

const calls = {
  load: async ({ options, state, mirrorIn, returned: port }: Load) => {
    await trainer?.release();
    if (options.precision === "mixed") await requireHalf(options.engine);
    trainer = createTrainer(options, state);
    trained = options;
    mirror = createMirror(mirrorIn);
    returned = port;
  },
  prepare: ({ resolution, batches, alpha }: PrepareRequest) => trainer!.prepare(resolution, batches, alpha),
  /** @param tell given a copy of the state before this step, if one was made */
  step: async (request: StepRequest, tell: (mirrored: Copy) => void) => {
    const mirrored = await mirror.refresh(trainer!.bytes, () => trainer!.view());
    if (mirrored) tell(mirrored);
    const started = performance.now();
    const result = await trainer!.step({ ...request, spare: takeReturned() });
    mirror.stepped((performance.now() - started) / 1000);
    const images = request.batches.map((batch) => batch.images);
    const before = result.before && sealed(result.before);
    const answer: StepAnswer = { ...result, before, images };
    return new HandOver(answer, [
      ...(before ? [before.networks] : []),
      ...images.map(({ buffer }) => buffer),
    ]);
  },
  /** @param tell given a copy of the newest finished state */
  mirror: async (_: undefined, tell: (mirrored: Copy) => void) => {
    const mirrored = await mirror.refresh(trainer!.bytes, () => trainer!.view(), true);
    if (mirrored) tell(mirrored);
  },
  images: (request: ImageRequest) => trainer!.images(request),
  copy: async () => handOver(sealed(await trainer!.copy())),
  take: async () => {
    const state = await trainer!.take();
    return state.arrays.size > 0 ? handOver(sealed(state)) : undefined;
  },
};

export type EngineCalls = typeof calls;

answerCalls(calls);
