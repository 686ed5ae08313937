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

const child = z.object({
  name: z.string(),
  exitCode: z.int(),
  codeOf: z.enum(["script", "guardapesos"]),
});

const schema = z.looseObject({
  type: z.literal("ended"),
  how: z.enum(["finished", "stopped", "limit", "overheated", "failed"]),
  signal: z.string().optional(),
  position: position.optional(),
  seconds: amount,
  files: z.array(z.object({ path: z.string(), bytes: amount })).readonly(),
  missing: z.array(z.string()).readonly().optional().catch(undefined),
  inMemory: z.object({ path: z.string(), batches: count }).optional().catch(undefined),
  preview: z.string().optional(),
  nonFinite: count,
  resumeCommand: z.string().optional(),
  batchesLost: count.optional(),
  heat: heatSchema.optional().catch(undefined),
  code: z.string().optional(),
  child: child.optional().catch(undefined),
});

/** @returns undefined for anything else; an unknown `code`, of another version, is left to the caller */
export function endedOf(value: unknown): RunEventOf<"ended"> | undefined {
  const parsed = schema.safeParse(value);
  return parsed.success ? (parsed.data as RunEventOf<"ended">) : undefined;
}
