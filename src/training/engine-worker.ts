/** The engine's thread: `session.run` blocks whichever thread calls it, so it calls from here. */
import { answerCalls, HandOver } from "../base/worker-calls.js";
import type { MirrorPaths } from "../checkpoint/names.js";
import { createMirror, type Copy, type Mirror } from "./mirror.js";
import { requireHalf } from "../engine/session.js";
import { createTrainer } from "./trainer.js";
import type { ImageRequest, StepRequest, StepResult, Trainer, TrainerOptions } from "./trainer-contract.js";
import type { Resolution } from "../progan/config.js";
import { ownBuffers, type TrainState } from "./train-state.js";

let trainer: Trainer | undefined;
let mirror: Mirror;

export interface PrepareRequest {
  readonly resolution: Resolution;
  readonly batches: readonly number[];
  readonly alpha: number;
}

interface Load {
  readonly options: TrainerOptions;
  readonly state: TrainState;
  /** Where copies of the state outlive the process, if anywhere. */
  readonly mirrorIn: MirrorPaths | undefined;
}

export interface StepAnswer extends StepResult {
  /** The arrays of the request, given back. */
  readonly images: readonly Float32Array<ArrayBuffer>[];
}

const handOver = (state: TrainState): HandOver<TrainState> => new HandOver(state, ownBuffers(state));

const calls = {
  load: async ({ options, state, mirrorIn }: Load) => {
    await trainer?.release();
    if (options.precision === "mixed") await requireHalf(options.engine);
    trainer = createTrainer(options, state);
    mirror = createMirror(mirrorIn);
  },
  prepare: ({ resolution, batches, alpha }: PrepareRequest) => trainer!.prepare(resolution, batches, alpha),
  /** @param tell given a copy of the state before this step, if one was made */
  step: async (request: StepRequest, tell: (mirrored: Copy) => void) => {
    const mirrored = await mirror.refresh(trainer!.bytes, () => trainer!.view());
    if (mirrored) tell(mirrored);
    const started = performance.now();
    const result = await trainer!.step(request);
    mirror.stepped((performance.now() - started) / 1000);
    const images = request.batches.map((batch) => batch.images);
    const answer: StepAnswer = { ...result, images };
    return new HandOver(answer, [...ownBuffers(result.before), ...images.map(({ buffer }) => buffer)]);
  },
  images: (request: ImageRequest) => trainer!.images(request),
  copy: async () => handOver(await trainer!.copy()),
  take: async () => handOver(await trainer!.take()),
};

export type EngineCalls = typeof calls;

answerCalls(calls);
