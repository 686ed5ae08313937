/** What the commands that look after checkpoints say, in English. */
import type { Damage, Purpose } from "../base/errors.js";
import type { Finding, FindingCode, RemoveReason, StoreProblem, StoreStats } from "../checkpoint/index.js";
import { damageOf, problemOf, purposes } from "./en-damage.js";
import { formats } from "./formats.js";

const { and, bytes, decimal, duration, integer, moment, percent } = formats("en");

type FindingOf<Code extends FindingCode> = Extract<Finding, { readonly code: Code }>;

export interface StoreTexts {
  readonly problem: (problem: StoreProblem) => string;
  /** Notes in the table of checkpoints. */
  readonly notes: {
    readonly keptByHand: string;
    readonly nameRemoved: string;
    readonly notFinite: (count: number) => string;
    /** In place of a class, for generated images. */
    readonly phantoms: string;
  };
  readonly backups: (names: readonly string[]) => string;
  readonly prune: {
    readonly going: (id: string, bytes: number, reason: RemoveReason) => string;
    readonly total: (count: number, freed: number, dryRun: boolean) => string;
    readonly nothing: (kept: number) => string;
    readonly damaged: (id: string, damage: Damage) => string;
  };
  readonly backup: {
    readonly made: (folder: string, id: string, bytes: number) => string;
    /** @param name today's backup, made `age` seconds ago */
    readonly already: (name: string, folder: string, age: number) => string;
    readonly removed: (names: readonly string[]) => string;
  };
  readonly restore: {
    readonly columns: { readonly backup: string; readonly saved: string };
    readonly question: (newest: string) => string;
    /** What means yes. */
    readonly yes: RegExp;
    readonly declined: string;
    readonly done: (id: string, from: string) => string;
    /** Of a guarded training, which goes on as its script does. */
    readonly doneGuarded: (id: string, from: string) => string;
    /** Where a file of a script has gone, in whose place the restored one is now. */
    readonly aside: (path: string) => string;
  };
  readonly stop: {
    /** @param host where it runs, when that is another computer */
    readonly asked: (pid: number, since: string, host: string | undefined) => string;
    readonly nothing: (folder: string) => string;
    /** Somebody else holds the folder. */
    readonly busy: (purpose: Purpose, pid: number, host: string | undefined) => string;
  };
  readonly kept: (id: string) => string;
  readonly released: (id: string) => string;
  /** Label and figure of each line. */
  readonly stats: (stats: StoreStats) => readonly (readonly [string, string])[];
  /** Headings of the table of checkpoints by class and name, after those. */
  readonly seriesColumns: readonly [checkpoints: string, bytes: string, newest: string, age: string];
  /** Headings of the table of saves by kind. */
  readonly statsColumns: readonly [kind: string, saves: string, seconds: string, bytes: string];
  readonly finding: { readonly [Code in FindingCode]: (finding: FindingOf<Code>) => string };
  /** Stand before a finding where there are no symbols. */
  readonly levels: Readonly<Record<Finding["level"], string>>;
  readonly verdict: (problems: number) => string;
}

const plural = (count: number, one: string, many: string): string =>
  `${integer(count)} ${count === 1 ? one : many}`;

const removeReasons: Record<RemoveReason, string> = {
  "names-deleted-by-hand": "you deleted its EMERGENCY files",
  "enough-newer-of-kind": "there are enough newer ones of its kind",
  "not-verified": "it has never been verified",
  "not-finite": "not all its values are numbers",
};

const fsyncTime = (milliseconds: number): string => `${decimal(milliseconds, 2)} ms`;

export const store: StoreTexts = {
  problem: problemOf,
  notes: {
    keptByHand: "kept by hand",
    nameRemoved: "EMERGENCY files deleted: goes with the next clean-up",
    notFinite: (count) => `${plural(count, "value is", "values are")} not numbers`,
    phantoms: "(phantoms)",
  },
  backups: (names) => `🗄 Backups, newest first: ${names.join(", ")}. guardapesos restore brings one back.`,
  prune: {
    going: (id, size, reason) => `🧹 ${id} (${bytes(size)}): ${removeReasons[reason]}`,
    total: (count, freed, dryRun) =>
      dryRun
        ? `${plural(count, "checkpoint", "checkpoints")} would go and free ${bytes(freed)}. Nothing was removed; leave --dry-run out to do it.`
        : `✅ ${plural(count, "checkpoint", "checkpoints")} removed, ${bytes(freed)} freed.`,
    nothing: (kept) =>
      `✅ Nothing to remove: ${kept === 1 ? "the one checkpoint stays" : `all ${integer(kept)} checkpoints stay`}.`,
    damaged: (id, damage) =>
      `${id} is not whole any more: ${damageOf(damage)}. It was left as it is, and older ones stay for it.`,
  },
  backup: {
    made: (folder, id, size) => `✅ ${id} is copied to ${folder} and verified there (${bytes(size)})`,
    already: (name, folder, age) =>
      `✅ Today has its backup, ${name} in ${folder}, ${duration(Math.floor(age))} old; a newer checkpoint takes its place when it is six hours old. Leave --daily out to make one now.`,
    removed: (names) => `   Removed, as newer ones are there: ${names.join(", ")}`,
  },
  restore: {
    columns: { backup: "backup", saved: "saved" },
    question: (newest) => `Restore ${newest}? (y: yes; the name of another: that one; anything else: none) `,
    yes: /^(?:y|yes)$/i,
    declined: "Nothing was restored; nothing was touched.",
    aside: (path) => `   What stood there before: ${path}`,
    done: (id, from) =>
      `✅ ${from} is the newest checkpoint again, as ${id}; guardapesos train goes on from it. Nothing was removed.`,
    doneGuarded: (id, from) =>
      `✅ ${from} is the newest checkpoint of its script again, as ${id}. Nothing was removed.`,
  },
  stop: {
    asked: (pid, since, host) =>
      `🛑 Process ${pid}${host === undefined ? "" : ` on ${host}`} (since ${moment(since)}) is asked to stop. Waiting until its weights are safe; Ctrl+C here ends the waiting alone...`,
    nothing: (folder) => `No training is running in ${folder}: there is nothing to stop.`,
    busy: (purpose, pid, host) =>
      `   Its checkpoints are being looked after (${purposes[purpose]}, process ${pid}${host === undefined ? "" : ` on ${host}`}); that ends by itself.`,
  },
  kept: (id) =>
    `📌 ${id} stays until you say otherwise: nothing removes it but you (guardapesos keep ${id} --undo).`,
  released: (id) => `✅ ${id} is like any other again: it goes when enough newer ones are there.`,
  stats: (stats) => [
    [
      "Checkpoints",
      `${integer(stats.generations)}${stats.damaged === 0 ? "" : `, and ${integer(stats.damaged)} damaged`}`,
    ],
    ["Saves that failed", integer(stats.failed)],
    ["Time spent saving, beside training", duration(stats.secondsSaving)],
    ["Share of training time", stats.trained === 0 ? "-" : percentOf(stats.secondsSaving / stats.trained)],
    ["Written in all", bytes(stats.bytesWritten)],
    ["Usual time between saves", stats.interval === undefined ? "-" : duration(stats.interval)],
    [
      "Last verified save",
      stats.lastVerified === undefined
        ? "-"
        : `${duration(Math.floor(stats.lastVerified.age))} ago (${stats.lastVerified.id})`,
    ],
    ["Space: checkpoints", bytes(stats.spaceUsed.generations)],
    ["Space: backups", bytes(stats.spaceUsed.backups)],
    ["Space: reserve for an emergency save", bytes(stats.spaceUsed.ballast)],
    ["Free on the disk", stats.free === undefined ? "-" : bytes(stats.free)],
    ["Saves that still fit", stats.savesLeft === undefined ? "-" : integer(stats.savesLeft)],
  ],
  seriesColumns: ["checkpoints", "size", "newest", "age"],
  statsColumns: ["kind", "saves", "time", "written"],
  finding: {
    "no-folder": ({ folder }) => `${folder} is not there yet; training makes it.`,
    writable: ({ folder }) => `${folder} can be written to.`,
    "not-writable": ({ folder, reason }) =>
      `${folder} cannot be written to (${reason}). Change its permissions, or give another with --weights.`,
    links: () => "The disk has hard links: the familiar names take no room of their own.",
    "no-links": ({ reason }) =>
      `The disk has no hard links (${reason}): the familiar names are copies, and a checkpoint takes twice the room. A disk with NTFS, ext4 or APFS does better.`,
    fsync: ({ milliseconds }) =>
      `What is written reaches the disk (${fsyncTime(milliseconds)} for a small file).`,
    "fsync-failed": ({ reason }) =>
      `The disk refuses to say that it has written (${reason}). Do not trust it with weights; give another folder with --weights.`,
    "fsync-too-quick": ({ milliseconds }) =>
      `The disk says that it has written sooner than any disk can (${fsyncTime(milliseconds)}): this is memory, or a disk that lies. A power cut may take the newest saves; keep backups elsewhere (guardapesos backup FOLDER).`,
    space: ({ free, savesLeft }) =>
      `${bytes(free)} are free${savesLeft === undefined ? "" : `: room for ${plural(savesLeft, "more save", "more saves")}`}.`,
    "space-short": ({ free, savesLeft, prunable }) =>
      `Only ${bytes(free)} are free: room for ${plural(savesLeft, "more save", "more saves")}. ${prunable > 0 ? `guardapesos prune frees ${bytes(prunable)} (--dry-run shows what would go).` : "No checkpoint can go: delete other files on that disk, or give a folder on another one with --weights."}`,
    clock: () => "The clock of this computer and that of the disk agree.",
    "clock-off": ({ seconds }) =>
      `The clock is off by ${duration(seconds)}, or was when something was saved. Set it right; the order of the checkpoints does not depend on it, their ages do.`,
    leftovers: ({ names }) =>
      `Left over from interrupted saves or removals: ${names.join(", ")}. The next training removes them by itself.`,
    damaged: ({ code, level, id, ...damage }) =>
      `${id} is damaged: ${damageOf(damage)}. It is passed over and left as it is; delete its folder when you need it no more.`,
    "not-verified": ({ id }) =>
      `${id} has not been read back after it was saved. guardapesos verify ${id} does so now, the next training by itself.`,
    "not-finite": ({ id, values, good }) =>
      `Training had diverged when ${id} was saved: ${plural(values, "value is", "values are")} not numbers. ${good === undefined ? "There is no good one: start anew with --fresh and a smaller --lr." : `Training goes on from ${good}; use a smaller --lr.`}`,
    "name-missing": ({ name }) => `${name} is missing. The next training makes it again.`,
    "backup-ahead": ({ names }) =>
      `Backups dated in the future: ${names.join(", ")}. The clock was wrong when they were made; which is newer does not depend on it. Delete their folders when you need them no more.`,
    "backup-damaged": ({ code, level, id, ...damage }) =>
      `The backup ${id} is damaged: ${damageOf(damage)}. Delete its folder; guardapesos backup makes a new one.`,
    "no-backup": () => "There is no backup. guardapesos backup makes one; training does once a day.",
    backup: ({ name, age }) => `The newest backup is ${name}, ${duration(Math.floor(age))} old.`,
    "backup-old": ({ name, age }) =>
      `The newest backup, ${name}, is ${duration(Math.floor(age))} old. guardapesos backup makes a new one.`,
    checkpoints: ({ count, newest }) =>
      `${plural(count, "checkpoint", "checkpoints")}; the newest is ${newest}.`,
    "no-checkpoints": ({ pairs }) =>
      pairs.length === 0
        ? "There are no checkpoints yet."
        : `There are no checkpoints yet; training can go on from these files: ${pairs.map(and).join("; ")}.`,
  },
  levels: { fine: "fine", note: "note", problem: "PROBLEM" },
  verdict: (problems) =>
    problems === 0
      ? "✅ All is well."
      : `❌ ${plural(problems, "thing needs", "things need")} your attention: see above.`,
};

function percentOf(share: number): string {
  return share > 0 && share < 0.01 ? "< 1%" : percent(Math.min(1, share));
}
