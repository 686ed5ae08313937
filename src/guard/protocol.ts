/**
 * What the guard and its agent say to each other (docs/guard-agent.md), one line of JSON each. What comes over the socket is
 * another program's: a message that does not have its shape is ignored, and so is one of an unknown type.
 */
import { z } from "zod";
import { parseBounded } from "../base/bounded-json.js";

/** Bytes of a line at most, its end included. */
export const longestLine = 2 ** 20;

const count = z.number().nonnegative();
const text = z.string();
const absent = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined);
const id = absent(z.int());
const phase = z.enum(["import", "first-batch", "train", "save", "eval"]);

const asSaved = z.object({ key: text, value: text, seconds: count });
const snapshotFile = z.object({ path: text, as: absent(text), network: absent(text) });

const messages = z.discriminatedUnion("t", [
  z.object({
    t: z.literal("hello"),
    token: text,
    pid: z.int().positive(),
    ppid: count,
    python: text,
    platform: text,
    executable: text,
    argv: z.array(text),
    main: absent(text),
    module: absent(text),
    rank: absent(count),
    world: absent(count),
    restart: count.catch(0),
    spawned: z.boolean().catch(false),
  }),
  z.object({ t: z.literal("torch"), version: text, cuda: absent(z.array(text)) }),
  z.object({ t: z.literal("phase"), name: phase, seconds: count.catch(0) }),
  z.object({ t: z.literal("trains"), steps: count.catch(1) }),
  z.object({
    t: z.literal("beat"),
    batches: count,
    steps: count,
    batchSeconds: absent(count),
    phase,
    paused: z.boolean().catch(false),
  }),
  z.object({ t: z.literal("save-started"), save: count, path: text, format: text }),
  z.object({
    t: z.literal("saved"),
    save: count,
    path: text,
    format: text,
    bytes: count,
    steps: count,
    batches: count,
    atomic: z.boolean(),
    sibling: absent(text),
    imageSide: absent(count),
    seconds: count.catch(0),
  }),
  z.object({ t: z.literal("save-failed"), save: count, path: text, error: text }),
  z.object({
    t: z.literal("snapshot"),
    id,
    reason: z.enum(["auto", "interrupt", "cool-down", "stop", "critical", "asked"]).catch("asked"),
    files: z.array(snapshotFile),
    bytes: count,
    steps: count,
    batches: count,
    form: z.enum(["script", "seed"]),
    asSaved: z.array(asSaved).catch([]),
    imageSide: absent(count),
    seconds: count.catch(0),
  }),
  z.object({
    t: z.literal("no-snapshot"),
    id,
    reason: z.enum(["no-torch", "no-weights", "copies", "error"]).catch("error"),
    detail: absent(text).transform((detail) => detail ?? ""),
  }),
  z.object({ t: z.literal("interrupting"), id, where: z.enum(["boundary", "step", "main-thread"]) }),
  z.object({ t: z.literal("pausing"), id }),
  z.object({ t: z.literal("resumed"), id }),
  z.object({
    t: z.literal("numbers"),
    source: z.enum(["tqdm", "tensorboard"]),
    values: z.record(text, z.number().nullable()),
    n: absent(count),
    total: absent(count),
    step: absent(z.number()),
  }),
  z.object({ t: z.literal("stacks"), id, text }),
  z.object({
    t: z.literal("crash"),
    kind: z.enum(["exception", "out-of-memory", "cuda"]),
    type: text,
    text,
    where: absent(text),
  }),
  z.object({
    t: z.literal("set"),
    name: text,
    module: absent(text),
    file: text,
    line: count,
    old: text,
    value: text,
    as: z.enum(["expression", "string"]),
    doubt: z.boolean().catch(false),
  }),
  z.object({
    t: z.literal("set-missing"),
    name: text,
    module: absent(text),
    file: text,
    known: z.array(text),
    imported: absent(text),
  }),
  z.object({ t: z.literal("notice"), what: text, detail: absent(text).transform((detail) => detail ?? "") }),
  z.object({ t: z.literal("exit") }),
]);

export type AgentMessage = z.infer<typeof messages>;
export type AgentMessageOf<T extends AgentMessage["t"]> = Extract<AgentMessage, { readonly t: T }>;
export type Hello = AgentMessageOf<"hello">;

/** A line of the agent. @returns undefined for what is no message, or none that is known here */
export function messageOf(line: string): AgentMessage | undefined {
  try {
    const parsed = messages.safeParse(parseBounded(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

export type SnapshotReason = AgentMessageOf<"snapshot">["reason"];

/** What the guard says. `id` numbers a request; the answer has the same. */
export type GuardMessage =
  | {
      readonly t: "welcome";
      readonly autosave: { readonly batches: number } | { readonly seconds: number } | null;
      readonly lang: string;
    }
  | { readonly t: "snapshot"; readonly id: number; readonly reason: SnapshotReason }
  | {
      readonly t: "interrupt";
      readonly id: number;
      readonly signal: "SIGINT" | "SIGTERM" | "SIGHUP";
      readonly snapshot: boolean;
      readonly withinSeconds: number | null;
      readonly atBatch: number | null;
    }
  | {
      readonly t: "pause";
      readonly id: number;
      readonly snapshot: boolean;
      readonly atBatch: number | null;
    }
  | { readonly t: "resume"; readonly id: number }
  | { readonly t: "pace"; readonly rest: number }
  | { readonly t: "stacks"; readonly id: number };

/** What cuts a stream of bytes into lines. */
export interface LineCutter {
  /** @returns the lines that are whole now; undefined when one is longer than `longestLine`: nothing more is to be read */
  readonly push: (bytes: Buffer) => readonly string[] | undefined;
}

/** Lines of UTF-8, ended by a line feed; a character may be torn between two pushes. */
export function createLineCutter(longest = longestLine): LineCutter {
  let kept: Buffer[] = [];
  let length = 0;
  return {
    push(bytes) {
      const lines: string[] = [];
      let from = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
        if (length + end + 1 - from > longest) return undefined;
        lines.push(Buffer.concat([...kept, bytes.subarray(from, end)]).toString("utf8"));
        [kept, length, from] = [[], 0, end + 1];
      }
      kept.push(Buffer.from(bytes.subarray(from)));
      length += bytes.length - from;
      return length > longest ? undefined : lines;
    },
  };
}
