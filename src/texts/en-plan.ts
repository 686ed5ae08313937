/** What `plan` says, in English. */
import type { TrainingPlan } from "../training/plan.js";
import { formats } from "./formats.js";

const { bytes, decimal, duration, integer } = formats("en");

export interface PlanSummary extends Pick<
  TrainingPlan,
  "images" | "parameters" | "memory" | "memoryAtMost" | "disk"
> {
  /** Floating-point operations a second, and whether they were measured here. */
  readonly rate: number;
  readonly measured: boolean;
  readonly seconds: number;
}

export interface PlanTexts {
  readonly columns: readonly [
    resolution: string,
    batch: string,
    batches: string,
    work: string,
    memory: string,
    step: string,
    epoch: string,
    epochs: string,
    all: string,
    checkpoint: string,
  ];
  readonly summary: (plan: PlanSummary) => readonly string[];
  /** Beside a plan in mixed precision. */
  readonly mixed: string;
  readonly fits: (plan: Pick<TrainingPlan, "memory" | "memoryAtMost">, bytes: number) => string;
}

export const plan: PlanTexts = {
  columns: [
    "resolution",
    "batch",
    "batches",
    "GFLOP/step",
    "memory from",
    "step",
    "epoch",
    "epochs",
    "in all",
    "checkpoint",
  ],
  summary: ({ images, parameters, memory, memoryAtMost, disk, rate, measured, seconds }) => [
    `Images in an epoch: ${integer(images)}. Generator: ${integer(parameters.generator)} parameters, critic: ${integer(parameters.critic)}.`,
    `Time: about ${duration(seconds)} at ${decimal(rate / 1e9, 0)} GFLOP/s${measured ? ", measured here on a small step; wide layers run faster, narrow ones slower" : ""}.`,
    `Memory: at least ${bytes(memory)} on the device, previews included; engines may take up to ${bytes(memoryAtMost)}.`,
    `Disk: up to ${bytes(disk)} for the checkpoints, and one more checkpoint for each daily backup.`,
  ],
  mixed:
    "Mixed precision: memory is counted with half values. The times are those of float32; how much faster a card is in half precision is not known beforehand.",
  fits: ({ memory, memoryAtMost }, size) =>
    memoryAtMost <= size
      ? `✅ It should fit into ${bytes(size)}.`
      : `⚠ It ${memory <= size ? "may" : "does"} not fit into ${bytes(size)}. Take smaller --batch-sizes (with a larger --accumulate a step keeps its images), fewer --channels or a lower --end.`,
};
