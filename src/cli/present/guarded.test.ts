/** Every event of a guarded process has lines in both languages, or is silent in both. */
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { RunEvent, RunEventOf } from "../../events/event.js";
import type { CrashCause, Doubt, GuardedEventData } from "../../events/guarded.js";
import { textsOf } from "../../texts/index.js";
import { createOutput } from "../output.js";
import { linesOf, styled } from "./lines.js";

type Guarded = keyof GuardedEventData;

const files = [
  { path: "weights/gen.pth", bytes: 30e6 },
  { path: "weights/critic.pth", bytes: 29e6 },
];
const place = { batches: 1500, steps: 3000 };
const pid = 4711;

/** One example of every event; the type makes it complete. */
const examples: { readonly [Type in Guarded]: GuardedEventData[Type] } = {
  "guard-started": {
    command: ["python", "progan_local.py"],
    folder: "/home/a",
    weights: "weights",
    series: "progan_local",
    newest: "00001500-auto-20251106_153045",
  },
  "child-started": { pid, command: ["python", "progan_local.py"], attempt: 2, from: "00001500-auto" },
  "child-ended": { pid, code: 1, signal: undefined, seconds: 60, interrupted: false },
  "agent-connected": {
    pid,
    python: "3.12.3",
    executable: "/usr/bin/python3",
    script: "/a/progan_local.py",
    module: undefined,
  },
  "agent-missing": { reason: "no-torch" },
  "agent-lost": { pid, rank: 1 },
  "torch-found": { pid, version: "2.6.0", devices: ["RTX 3070"] },
  trains: { pid },
  phase: { pid, name: "train", seconds: 12 },
  beat: { pid, ...place, batchSeconds: 0.4, phase: "train", paused: false },
  metrics: { pid, source: "tqdm", values: { gp: 0.02 }, done: 3, total: 10, step: undefined },
  "script-saving": { pid, path: "weights/gen.pth" },
  "script-saved": { pid, ...place, path: "a.pth", bytes: 1, seconds: 1, atomic: false, sibling: "a.pth.new" },
  "script-save-failed": { pid, path: "a.pth", error: { type: "OSError", text: "No space left on device" } },
  snapshot: {
    pid,
    ...place,
    reason: "interrupt",
    bytes: 1,
    seconds: 1,
    form: "script",
    asSaved: [{ key: "epoch", value: "3", seconds: 720 }],
  },
  "no-snapshot": { pid, reason: "auto", why: "error", detail: "RuntimeError: x" },
  "checkpoint-kept": {
    id: "00001500-auto",
    source: "script",
    files,
    folder: "weights/guardapesos",
    bytes: 59e6,
    seconds: 0.8,
    place,
    nonFinite: 0,
    savesLeft: 40,
  },
  "checkpoint-doubtful": {
    files: ["gen.pth"],
    id: undefined,
    doubt: { kind: "not-whole", damage: { file: "gen.pth", where: "data/3", reason: "checksum" } },
  },
  "emergency-copied": { id: "00001500-emergency", files },
  "interrupt-asked": { signal: "SIGINT", times: 1, awaits: "boundary", batchSeconds: 0.4 },
  interrupted: { pid, rank: 1, signal: "SIGINT", where: "boundary" },
  "interrupt-ignored": { pids: [pid], seconds: 60, command: "kill -9 4711" },
  "child-paused": { pid, cause: "heat", where: "anywhere" },
  "child-resumed": { pid, cause: "heat", seconds: 600 },
  "set-replaced": {
    name: "LEARNING_RATE",
    module: "config",
    file: "/a/config.py",
    line: 12,
    old: "1e-3",
    value: "1e-4",
    as: "string",
  },
  hang: { pid, phase: "train", seconds: 300, usual: 4, killAfter: 600 },
  "hang-over": { pid, seconds: 320 },
  stacks: { pid, why: "hang", text: "Thread 0x1\n  File a.py, line 3\n" },
  crash: { pid, cause: { kind: "signal", signal: "SIGSEGV" } },
  restarting: {
    restart: 1,
    most: 3,
    waitSeconds: 10,
    from: "00001500-auto",
    cause: "crash",
    notRestored: ["epoch", "random-state"],
  },
  "restart-refused": { reason: "failed-at-start" },
  "agent-notice": { pid, what: "not-finite", detail: "gen.initial.0.weight" },
};
const types = Object.keys(examples) as Guarded[];
const event = (type: Guarded): RunEvent => ({ type, ...examples[type] }) as RunEvent;
const say = (language: "en" | "es", one: RunEvent): string =>
  linesOf(textsOf(language), one as Exclude<RunEvent, { type: "stepped" }>).join("\n");

/** What is told again and again, or says nothing to a person. */
const silent = new Set<Guarded>([
  "child-ended",
  "agent-connected",
  "torch-found",
  "trains",
  "phase",
  "beat",
  "metrics",
  "script-saving",
]);

const doubts: readonly Doubt[] = [
  { kind: "not-whole", damage: { file: "gen.pth", reason: "empty" } },
  { kind: "not-finite", values: 1 },
  { kind: "unchanged", since: "00001400-auto", steps: 200 },
  { kind: "unproven" },
];
const causes: readonly CrashCause[] = [
  { kind: "exception", type: "ValueError", text: "x must be y", where: "train.py:12" },
  { kind: "out-of-memory", type: "torch.cuda.OutOfMemoryError", text: "Tried to allocate 2 GiB.", where: "" },
  { kind: "cuda", type: "RuntimeError", text: "", where: undefined },
  { kind: "signal", signal: "SIGSEGV" },
  { kind: "memory-killer" },
  { kind: "exit-code", code: 3 },
];

describe.each(["en", "es"] as const)("a guarded process in %s", (language) => {
  it.each(types)("says %s in finished lines, or nothing at all", (type) => {
    const said = say(language, event(type));
    expect(said === "").toBe(silent.has(type));
    expect(said).not.toMatch(/undefined|\[object|NaN/);
    if (said !== "") expect(said).not.toBe(say(language === "en" ? "es" : "en", event(type)));
  });

  it("says each kind of doubt and each cause of a crash in words of its own", () => {
    const said = [
      ...doubts.map((doubt) =>
        say(language, { type: "checkpoint-doubtful", files: ["a.pth"], id: undefined, doubt }),
      ),
      ...causes.map((cause) => say(language, { type: "crash", pid, cause })),
    ];
    expect(new Set(said).size).toBe(doubts.length + causes.length);
    for (const one of said) expect(one).not.toMatch(/undefined|\[object|\.\.$/);
  });

  it("shows its lines without their emoji where those cannot be shown", () => {
    const stream = (): NodeJS.WriteStream => new PassThrough() as unknown as NodeJS.WriteStream;
    const output = createOutput(stream(), stream(), { environment: { TERM: "dumb" }, platform: "linux" });
    for (const type of types) {
      for (const line of say(language, event(type)).split("\n"))
        expect(styled(line, output), line).not.toMatch(/\p{Extended_Pictographic}/u);
    }
  });

  it("tells who was asked a second time that it is noted, and what is waited for", () => {
    const asked: RunEventOf<"interrupt-asked"> = {
      type: "interrupt-asked",
      signal: "SIGINT",
      times: 50,
      awaits: "save",
      batchSeconds: undefined,
    };
    const first = say(language, { ...asked, times: 1 });
    expect(first).toMatch(/^🛑.*Ctrl\+C/);
    expect(say(language, asked)).toMatch(/^⏳/);
    expect(say(language, asked).split("\n")).toHaveLength(1);
  });

  it("ends with whose exit code it is, the files, what was lost where that is known, and how to go on", () => {
    const ended: RunEventOf<"ended"> = {
      type: "ended",
      how: "failed",
      signal: undefined,
      position: undefined,
      seconds: 100,
      files,
      preview: undefined,
      nonFinite: 0,
      resumeCommand: "npx guardapesos run -- python a.py",
      batchesLost: undefined,
      code: undefined,
      child: { name: "a.py", exitCode: 3, codeOf: "script" },
    };
    const said = say(language, ended);
    expect(said).toMatch(/a\.py .* 3,/);
    for (const { path } of files) expect(said).toContain(path);
    expect(said).toContain("npx guardapesos run");
    expect(said).not.toMatch(/undefined|lost|perdido/);
    const stopped = say(language, { ...ended, how: "stopped", signal: "SIGINT", batchesLost: 2 });
    expect(stopped).toMatch(/lost: 2|perdido: 2/);
    expect(stopped).toContain(
      language === "es" ? "✅ Pesos guardados exitosamente:" : "✅ Weights saved successfully:",
    );
    expect(say(language, { ...ended, files: [] })).not.toContain("✅");
  });
});
