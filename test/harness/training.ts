/** Trains within the test's own process: events are told at once, so a test can look at the disk between two saves. */
import { join } from "node:path";
import { resolutions, type TrainingConfig } from "../../src/progan/config.js";
import { defaultThresholds } from "../../src/thermal/thresholds.js";
import type { RunEvent, RunEventOf } from "../../src/events/event.js";
import type { RunOptions } from "../../src/training/options.js";
import { run } from "../../src/training/run.js";
import { createStop, type Stop } from "../../src/training/stop.js";

const everywhere = (value: number): number[] => resolutions.map(() => value);

/** 4x4 and 8x8, two epochs of 3 batches at each; the first half of a resolution fades in. No automatic saves. */
export const tinyPlan: Partial<TrainingConfig> = {
  latent: 8,
  channels: 8,
  phantoms: 24,
  epochs: everywhere(2),
  batchSizes: everywhere(8),
  end: 8,
  autosave: 1_000_000,
};

export interface Trained {
  readonly ended: RunEventOf<"ended">;
  readonly events: readonly RunEvent[];
  readonly weights: string;
}

export interface Wishes extends Partial<Omit<RunOptions, "overrides">> {
  readonly overrides?: Partial<TrainingConfig>;
  /** Says nothing of the plan but `overrides`, as `guardapesos train` alone. */
  readonly bare?: boolean;
  /** Left out: one of its own. */
  readonly stop?: Stop;
  readonly onEvent?: (event: RunEvent, stop: Stop) => void;
}

/** Trains the tiny plan in `folder` with one thread; `wishes` say what is to be otherwise. Rejects as `run` does. */
export async function trainHere(folder: string, wishes: Wishes = {}): Promise<Trained> {
  const { overrides, bare = false, onEvent, stop = createStop(), ...rest } = wishes;
  const weights = join(folder, "weights");
  const events: RunEvent[] = [];
  const options: RunOptions = {
    preset: bare ? undefined : "demo",
    overrides: { ...(bare ? {} : tinyPlan), ...overrides },
    data: undefined,
    className: undefined,
    weights,
    name: "local",
    samples: join(folder, "samples"),
    device: "cpu",
    threads: 1,
    maxBatches: undefined,
    keepEvery: 0,
    backups: 0,
    heat: { sensor: { kind: "none" }, thresholds: defaultThresholds, timeScale: 1 },
    fresh: false,
    resume: undefined,
    command: ["train"],
    ...rest,
  };
  const ended = await run(
    options,
    (event) => {
      events.push(event);
      onEvent?.(event, stop);
    },
    stop,
  );
  return { ended, events, weights: options.weights };
}
