/**
 * Why something was saved. People and `--json` get it as a sentence; manifests up to format 2 and the files of networks hold
 * nothing else, so each sentence can be read back.
 */
import { z } from "zod";
import type { CheckpointKind } from "./names.js";

const text = z.string();
const amount = z.number().nonnegative();
export const reasonSchema = z.discriminatedUnion("why", [
  z.looseObject({ why: z.literal("batches"), batches: amount }),
  z.looseObject({ why: z.literal("minutes"), minutes: amount }),
  /** `seconds`: the interval that follows from what a save costs. */
  z.looseObject({ why: z.literal("cost"), seconds: amount }),
  z.looseObject({ why: z.literal("stage-end") }),
  z.looseObject({ why: z.literal("epoch-end") }),
  z.looseObject({ why: z.literal("asked") }),
  /** The save before has failed. */
  z.looseObject({ why: z.literal("retry") }),
  /** Training ends: a signal, heat, a failure. */
  z.looseObject({ why: z.literal("stop"), cause: text }),
  /** `from`: the name of the backup or the generation. */
  z.looseObject({ why: z.literal("restored"), from: text }),
  z.looseObject({ why: z.literal("other"), text }),
]);

export type SaveReason =
  | { readonly why: "batches"; readonly batches: number }
  | { readonly why: "minutes"; readonly minutes: number }
  | { readonly why: "cost"; readonly seconds: number }
  | { readonly why: "stage-end" | "epoch-end" | "asked" | "retry" }
  | { readonly why: "stop"; readonly cause: string }
  | { readonly why: "restored"; readonly from: string }
  | { readonly why: "other"; readonly text: string };

/** The sentence, as it has always been. */
export function reasonText(reason: SaveReason): string {
  switch (reason.why) {
    case "batches":
      return `every ${reason.batches} batches`;
    case "minutes":
      return `every ${reason.minutes} minutes`;
    case "cost":
      return `every ${reason.seconds} seconds, from what a save costs`;
    case "stage-end":
      return "end of the resolution";
    case "epoch-end":
      return "end of the epoch";
    case "asked":
      return "asked for";
    case "retry":
      return "again, as the last save failed";
    case "stop":
      return reason.cause;
    case "restored":
      return `restored from ${reason.from}`;
    case "other":
      return reason.text;
  }
}

const intervals: readonly (readonly [RegExp, (amount: number) => SaveReason])[] = [
  [/^every (\d+) batches$/, (batches) => ({ why: "batches", batches })],
  [/^every (\d+(?:\.\d+)?) minutes$/, (minutes) => ({ why: "minutes", minutes })],
  [/^every (\d+) seconds, from what a save costs$/, (seconds) => ({ why: "cost", seconds })],
];

const plain = ["stage-end", "epoch-end", "asked", "retry"] as const;

/** What a sentence says. `reasonText` of it is the sentence again, whatever it is. */
export function parseReason(sentence: string, kind: CheckpointKind): SaveReason {
  if (kind === "emergency") return { why: "stop", cause: sentence };
  const simple = plain.find((why) => reasonText({ why }) === sentence);
  if (simple !== undefined) return { why: simple };
  for (const [pattern, reason] of intervals) {
    const found = pattern.exec(sentence)?.[1];
    const read = found === undefined ? undefined : reason(Number(found));
    if (read !== undefined && reasonText(read) === sentence) return read;
  }
  const [, from] = /^restored from ([^]*)$/.exec(sentence) ?? [];
  if (kind === "manual" && from !== undefined) return { why: "restored", from };
  return { why: "other", text: sentence };
}
