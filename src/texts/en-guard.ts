/** What the guard of somebody else's training says in English. "The script" is the guarded process, whatever it is. */
import type { RunEvent, RunEventOf } from "../events/event.js";
import type {
  AgentMissing,
  AgentNotice,
  AsSaved,
  CrashCause,
  Doubt,
  GuardedEventData,
  GuardedFile,
  GuardedProcess,
  NoRestart,
  NoSnapshot,
  NotRestored,
  PauseCause,
  SnapshotReason,
} from "../events/guarded.js";
import { damageOf } from "./en-damage.js";
import { formats } from "./formats.js";

const { and, bytes, duration, integer } = formats("en");

export type GuardEvent = keyof GuardedEventData;
export type GuardEventTexts = {
  readonly [Type in Extract<RunEvent["type"], GuardEvent>]: (event: RunEventOf<Type>) => readonly string[];
};

/** Behind what is told of one of several ranks. */
const ofRank = ({ rank }: GuardedProcess): string => (rank === undefined ? "" : ` (rank ${rank})`);
const nth = (count: number, one: string, many: string): string =>
  `${integer(count)} ${count === 1 ? one : many}`;
const list = (files: readonly GuardedFile[]): string => and(files.map(({ path }) => path));
const inBrackets = (detail: string): string => (detail === "" ? "" : ` (${detail})`);
/** "Something: its reason." where the reason may end as it likes. */
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

const noAgent: Record<AgentMissing, string> = {
  "not-wanted": "--no-agent",
  "no-python": "the command is no Python and starts none",
  isolated: "this Python does not read PYTHONPATH: -I, -E, -S, an empty environment, or an embeddable Python",
  "too-old": "this Python is older than 3.8",
  "no-torch": "this Python has no PyTorch",
  "no-answer": "no Python has answered",
};

const snapshots: Record<SnapshotReason, string> = {
  auto: "💾 Auto-saving",
  interrupt: "🛟 Saving before the interrupt",
  "cool-down": "💾 Saving before the cool-down",
  stop: "🛟 Saving before the stop",
  critical: "🛟 Saving because of heat",
  asked: "💾 Saving",
};

const noSnapshots: Record<NoSnapshot, string> = {
  "no-torch": "it has no PyTorch",
  "no-weights": "no weights were found in it yet",
  copies: "what it saves are copies of its weights, not the weights themselves",
  error: "an error came in between",
};

const asSaved = ({ key, value, seconds }: AsSaved): string => `${key} ${value} (${duration(seconds)} ago)`;

function doubtOf(files: readonly string[], doubt: Doubt): string {
  const names = and(files);
  switch (doubt.kind) {
    case "not-whole":
      return `❌ A checkpoint of the script is not whole: ${names} (${damageOf(doubt.damage)}). Those before it are.`;
    case "not-finite":
      return `❌ ${names}: ${nth(doubt.values, "value is not a number", "values are not numbers")}. The training has diverged; the checkpoints from before are kept.`;
    case "unchanged":
      return `❌ ${names}: every weight is that of ${doubt.since}, although the optimizer has made ${nth(doubt.steps, "step", "steps")}. Nothing is being learnt, or old weights were saved; the older checkpoints are kept.`;
    case "unproven":
      return `⚠ ${names}: nothing is wrong in these files, but they alone cannot prove that they are whole, so they are neither called verified nor damaged.`;
  }
}

const pauses: Record<PauseCause, string> = {
  heat: "❄ The script is paused until the card is cool. Its memory stays as it is",
  "critical-heat": "❄ The script is paused because the card is far too hot. Its memory stays as it is",
  terminal: "⏸ The script is paused (Ctrl+Z); fg or bg lets it go on",
  asked: "⏸ The script is paused",
};

const awaited: Record<RunEventOf<"interrupt-asked">["awaits"], string> = {
  boundary: "the end of the batch under way",
  save: "the end of the save under way",
  snapshot: "the snapshot under way",
  script: "the script, which is already ending by its own handler",
};

const delivered: Record<RunEventOf<"interrupted">["where"], string> = {
  boundary: "between two batches",
  step: "in the middle of a batch, as none has ended in time",
  "main-thread": "outside its training loop",
  group: "by a signal, without an agent",
};

const caught: Record<string, string> = {
  SIGINT: "Ctrl+C caught!",
  SIGTERM: "Asked to terminate (SIGTERM)!",
  SIGHUP: "The terminal was closed (SIGHUP)!",
  SIGBREAK: "Ctrl+Break caught!",
  stop: "guardapesos stop asks to stop!",
  time: "It is time to stop!",
  parent: "The program that started this one has ended!",
  heat: "The card is too hot!",
};

/** Windows' own statuses are known by their hexadecimal form. */
const statusOf = (code: number): string =>
  code >= 0x80000000 ? `0x${code.toString(16).toUpperCase()}` : String(code);

function causeOf(cause: CrashCause): string {
  switch (cause.kind) {
    case "exception":
      return `an exception: ${raised(cause)}`;
    case "out-of-memory":
      return `out of memory: ${raised(cause)} Smaller batches need less`;
    case "cuda":
      return `the card: ${raised(cause)}`;
    case "signal":
      return cause.signal === "SIGKILL"
        ? "killed by SIGKILL; if nobody did that, it was probably the system, for lack of memory"
        : `killed by ${cause.signal}`;
    case "memory-killer":
      return "killed by the system, which had no memory left";
    case "exit-code":
      return `exit code ${statusOf(cause.code)}`;
  }
}

const raised = ({ type, text, where }: Extract<CrashCause, { type: string }>): string =>
  sentence(`${type}${text === "" ? "" : `: ${text}`}${where === undefined ? "" : ` (${where})`}`);

const restartCauses = { crash: "the crash", heat: "the cool-down", hang: "the hang" } as const;

const unrestored: Record<NotRestored, string> = {
  optimizer: "the optimizers' memory",
  scheduler: "the learning rate schedule",
  scaler: "the loss scale",
  epoch: "the epoch",
  resolution: "the resolution",
  alpha: "alpha",
  "random-state": "the random state",
  "data-order": "the order of the data",
  "half-step": "half-accumulated gradients",
  "log-step": "the step of TensorBoard",
};

const noRestarts: Record<NoRestart, string> = {
  "no-recipe":
    "nothing says how it takes up its weights (--resume-set, --resume-args, --resume-env or --recipe)",
  "failed-at-start": "it failed before it had trained",
  "no-progress": "its last two starts brought no new checkpoint",
  "used-up": "all restarts of --restart are used up",
};

const notices: Record<AgentNotice, string> = {
  "screen-gone":
    "Nobody reads the script's output any more: what it prints from now on is thrown away, and it goes on",
  "sitecustomize-failed":
    "Python's own sitecustomize failed in the script; it would have without guardapesos, too",
  "not-finite": "Weights of the script are not numbers any more: the training has diverged",
  "set-unmet": "Nothing has assigned what --set names: it is not in effect",
  "set-failed": "A constant could not be set",
  "thread-failed": "An exception has ended a thread of the script, which goes on without it",
  other: "The agent says",
};

export const guardEvents: GuardEventTexts = {
  "guard-started": ({ command, weights, series, newest }) => [
    `🛡 Guarding ${command.join(" ")}`,
    `   Checkpoints: ${weights} (${series}). ${newest === undefined ? "None yet." : `The newest: ${newest}.`}`,
    "   Press Ctrl+C whenever you like: your weights are saved before leaving.",
  ],
  "child-started": ({ pid, attempt, from }) =>
    attempt === 1 && from === undefined
      ? []
      : [`🚀 The script runs${from === undefined ? "" : ` and goes on from ${from}`} (process ${pid}).`],
  "child-ended": () => [],
  "agent-connected": () => [],
  "agent-missing": ({ reason }) => [
    `⚠ The script runs without an agent (${noAgent[reason]}): there are no saves but its own, it is interrupted by a plain signal, and it is cooled by stopping it wherever it is. Its checkpoints are kept from the folders that --from names.`,
  ],
  "agent-lost": (event) => [
    `⚠ The connection to the script broke${ofRank(event)}. It goes on, and its saves stay whole; its checkpoints are kept from the folders that --from names.`,
  ],
  "torch-found": () => [],
  trains: () => [],
  phase: () => [],
  beat: () => [],
  metrics: () => [],
  "script-saving": () => [],
  "script-saved": ({ path, sibling }) =>
    sibling === undefined
      ? []
      : [
          `⚠ ${path} could not be replaced: another program holds it. The save is whole and lies in ${sibling}`,
        ],
  "script-save-failed": ({ path, error }) => [
    `❌ The script could not save ${path}: ${sentence(error.text === "" ? error.type : `${error.type}: ${error.text}`)} The checkpoints from before are as they were.`,
  ],
  snapshot: ({ reason, batches, asSaved: old }) => [
    `${snapshots[reason]}: batch ${integer(batches)}...`,
    ...(old.length === 0 ? [] : [`   As at the script's last save: ${and(old.map(asSaved))}.`]),
  ],
  "no-snapshot": ({ why, detail }) => [
    `⚠ The state of the script could not be saved just now: ${noSnapshots[why]}${inBrackets(detail)}. What it saves itself is kept.`,
  ],
  "checkpoint-kept": ({ id, files, bytes: size, seconds }) => [
    `✅ Checkpoint kept and verified: ${list(files)} (${bytes(size)}, ${duration(seconds)}) as ${id}`,
  ],
  "checkpoint-doubtful": ({ files, doubt }) => [doubtOf(files, doubt)],
  "emergency-copied": ({ files }) => [
    "🛟 The script has not saved since it was interrupted. Its state from just before lies beside its files:",
    ...files.map(({ path, bytes: size }) => `    ${path} (${bytes(size)})`),
  ],
  "interrupt-asked": ({ signal, times, awaits, batchSeconds }) => {
    const usual = batchSeconds === undefined ? "" : ` (a batch takes about ${duration(batchSeconds)})`;
    return times === 1
      ? [
          `🛑 ${caught[signal] ?? `Stop requested (${signal})!`} Saving the weights, then the script is interrupted, once. Waiting for ${awaited[awaits]}${awaits === "boundary" ? usual : ""}...`,
        ]
      : [
          `⏳ Noted already: waiting for ${awaited[awaits]}${awaits === "boundary" ? usual : ""}. Nothing is lost.`,
        ];
  },
  interrupted: (event) => [
    `🔔 The script has been interrupted ${delivered[event.where]}${ofRank(event)}: its own handler runs now.`,
  ],
  "interrupt-ignored": ({ seconds, command }) => [
    `⚠ The script has not ended ${duration(seconds)} after its interrupt. It is not killed, and what was saved is safe. To end it yourself: ${command}`,
  ],
  "child-paused": (event) => [
    sentence(
      `${pauses[event.cause]}${event.where === "anywhere" ? ", stopped in the middle of a batch" : ""}${ofRank(event)}`,
    ),
  ],
  "child-resumed": (event) => [`🔄 The script goes on after ${duration(event.seconds)}${ofRank(event)}.`],
  "set-replaced": ({ name, module, line, old, value, as, doubt }) => [
    `🔧 ${module === undefined ? "" : `${module}.`}${name} = ${value} for this run${as === "string" ? ", as text" : ""} (line ${line}; was ${old})`,
    ...(doubt ? [`   ⚠ Python computes that. If it is a text, write ${name}:=${value}`] : []),
  ],
  hang: (event) => [
    `⚠ The script shows no progress since ${duration(event.seconds)}${ofRank(event)}${event.usual === undefined ? "" : ` (so far it took ${duration(event.usual)} at most)`}. ${event.killAfter === undefined ? "It is left alone; --hang-kill would end it." : `It is killed in ${duration(event.killAfter)} if it stays so.`}`,
  ],
  "hang-over": (event) => [`🔄 The script works again after ${duration(event.seconds)}${ofRank(event)}.`],
  stacks: (event) => [
    `📌 What the threads of the script are doing${ofRank(event)}:`,
    ...event.text
      .trimEnd()
      .split("\n")
      .map((line) => `   ${line}`),
  ],
  crash: (event) => [`💥 The script has crashed${ofRank(event)}: ${sentence(causeOf(event.cause))}`],
  restarting: ({ restart, most, waitSeconds, from, cause, notRestored }) => [
    `🔄 Starting again after ${restartCauses[cause]}${waitSeconds > 0 ? `, in ${duration(waitSeconds)}` : ""}${from === undefined ? "" : `, from ${from}`}${cause === "heat" ? "" : ` (${integer(restart)} of ${integer(most)})`}.`,
    ...(notRestored.length === 0
      ? []
      : [`   The script does not take up again: ${and(notRestored.map((what) => unrestored[what]))}.`]),
  ],
  "restart-refused": ({ reason }) => [`⏸ The script is not started again: ${noRestarts[reason]}.`],
  "agent-notice": (event) => [
    sentence(`⚠ ${notices[event.what]}${event.detail === "" ? "" : `: ${event.detail}`}${ofRank(event)}`),
  ],
};
