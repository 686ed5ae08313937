/** `guardapesos doctor`: whether a weights folder can do its work, and what to do where it cannot. */
import type { Finding, FindingCode } from "../../checkpoint/index.js";
import type { Context } from "../context.js";
import { say, tell } from "../context.js";
import { exitCodeOf } from "../exit-codes.js";
import type { listOptions } from "../options.js";
import { weightsCommand, type FlagsOf } from "../weights-command.js";

const marks = { fine: "✅", note: "💡", problem: "❌" } as const;

function lineOf({ texts: { store }, output }: Context, finding: Finding): string {
  const sentence = store.finding[finding.code] as (finding: Finding) => string;
  const mark = output.symbols ? marks[finding.level] : `${store.levels[finding.level]}:`;
  return `${mark} ${sentence(finding)}`;
}

/** What is said of the folder and its disk, whichever store asks. */
const ofTheFolder = new Set<FindingCode>([
  "writable",
  "not-writable",
  "links",
  "no-links",
  "fsync",
  "fsync-failed",
  "fsync-too-quick",
  "space",
  "clock",
  "backup-damaged",
]);

/** Of every store in the folder; of what is the folder's own, what the first has found. */
async function findingsOf(weights: string): Promise<readonly Finding[]> {
  const { keepersIn } = await import("../../checkpoint/index.js");
  const found: (readonly Finding[])[] = [];
  // One after the other: each tries the disk.
  for (const keeper of await keepersIn(weights)) found.push(await keeper.examine());
  const [first, ...others] = found;
  return [...first!, ...others.flat().filter(({ code }) => !ofTheFolder.has(code))];
}

/** Exit code 65 when anything needs attention. */
export const doctor = weightsCommand<FlagsOf<typeof listOptions>>(async ({ context, weights }) => {
  const findings = await findingsOf(weights);
  for (const finding of findings) {
    tell(context, "finding", finding);
    say(context, lineOf(context, finding));
  }
  const problems = findings.filter(({ level }) => level === "problem").length;
  say(context, context.texts.store.verdict(problems));
  if (problems > 0) context.exitCode = exitCodeOf("CHECKPOINT_DAMAGED");
});
