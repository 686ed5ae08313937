/** The last event of a run as another process has written it down: nothing in it is believed. */
import { z } from "zod";
import type { RunEventOf } from "../events/event.js";
import { heatSchema } from "./progress.js";

const count = z.int().nonnegative();
const amount = z.number().nonnegative();

const position = z.object({
  step: count,
  batches: count,
  resolution: count,
  epoch: count,
  batch: count,
  alpha: z.number(),
});

const schema = z.looseObject({
  type: z.literal("ended"),
  how: z.enum(["finished", "stopped", "limit", "overheated", "failed"]),
  signal: z.string().optional(),
  position: position.optional(),
  seconds: amount,
  files: z.array(z.object({ path: z.string(), bytes: amount })).readonly(),
  preview: z.string().optional(),
  nonFinite: count,
  resumeCommand: z.string().optional(),
  batchesLost: count,
  heat: heatSchema.optional().catch(undefined),
  code: z.string().optional(),
});

/** @returns undefined for anything else; an unknown `code`, of another version, is left to the caller */
export function endedOf(value: unknown): RunEventOf<"ended"> | undefined {
  const parsed = schema.safeParse(value);
  return parsed.success ? (parsed.data as RunEventOf<"ended">) : undefined;
}
