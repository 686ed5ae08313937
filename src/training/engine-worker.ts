/** The engine's thread: `session.run` blocks whichever thread calls it, so it calls from here. */
import { answerCalls, HandOver } from "../base/worker-calls.js";
import { createMirror, type Mirror } from "./mirror.js";
import {
  createTrainer,
  type ImageRequest,
  type StepRequest,
  type Trainer,
  type TrainerOptions,
} from "./trainer.js";
import type { Resolution } from "../progan/config.js";
import type { TrainState } from "./train-state.js";

let trainer: Trainer | undefined;
let mirror: Mirror;

export interface PrepareRequest {
  readonly resolution: Resolution;
  readonly batches: readonly number[];
  readonly alpha: number;
}

const calls = {
  load: async ({ options, state }: { options: TrainerOptions; state: TrainState }) => {
    await trainer?.release();
    trainer = createTrainer(options, state);
    mirror = createMirror();
  },
  prepare: ({ resolution, batches, alpha }: PrepareRequest) => trainer!.prepare(resolution, batches, alpha),
  /** @param tell given the state before this step in shared memory, if there is such a copy of it */
  step: async (request: StepRequest, tell: (mirrored: TrainState) => void) => {
    const mirrored = await mirror.refresh(trainer!.bytes, () => trainer!.view());
    if (mirrored) tell(mirrored);
    const started = performance.now();
    const { losses, before } = await trainer!.step(request);
    mirror.stepped((performance.now() - started) / 1000);
    const images = request.batches.map((batch) => batch.images);
    const free = [...(before?.free ?? []), ...images.map(({ buffer }) => buffer)];
    return new HandOver({ losses, before: before?.state, images }, free);
  },
  images: (request: ImageRequest) => trainer!.images(request),
  // Not handed over: the message makes the copy.
  copy: () => trainer!.copy(),
  take: async () => {
    const { state, free } = await trainer!.take();
    return new HandOver(state, free);
  },
};

export type EngineCalls = typeof calls;

answerCalls(calls);
