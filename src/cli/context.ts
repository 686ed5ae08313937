/** What every command is given: where to write, in which language, and how to read its settings. */
import { escapeControls } from "../base/printable.js";
import { GuardapesosError, isGuardapesosError, reasonOf, stackOf } from "../base/errors.js";
import { isElsewhere } from "../base/place.js";
import type { StoreProblem } from "../checkpoint/index.js";
import type { Texts } from "../texts/index.js";
import { sentenceOf, textsOf } from "../texts/index.js";
import type { FileSettings } from "./config-file.js";
import type { commonOptions, configOption, Settings } from "./options.js";
import { exitCodeOfError } from "./exit-codes.js";
import type { Output } from "./output.js";
import { jsonLine } from "./present/json.js";
import { styled } from "./present/lines.js";
import type { Services } from "./services.js";

/** One call of the program. The language and `--json` may still change when the config file is read. */
export interface Context {
  readonly output: Output;
  readonly services: Services;
  /** What was typed after `guardapesos`. */
  readonly typed: readonly string[];
  /** The current folder. */
  readonly folder: string;
  readonly version: string;
  texts: Texts;
  json: boolean;
  /** Whether our own lines go to standard error: standard output is the guarded command's. */
  outputIsTaken: boolean;
  exitCode: number;
  /** Whether the process ends without waiting for its threads. */
  leaveAtOnce: boolean;
}

/**
 * The flags of a command over the settings of the config file. Reads the file, and speaks the language it asks for.
 * @param flags as commander gives them; `config` among them names the file
 * @throws what a config file is refused with, PLACE_ELSEWHERE
 */
export async function settingsOf<Flags extends Settings<typeof commonOptions & typeof configOption>>(
  context: Context,
  flags: Flags,
): Promise<FileSettings & Flags> {
  const [{ readConfig }, { addsUp }] = await Promise.all([
    import("./config-file.js"),
    import("./options.js"),
  ]);
  const file: FileSettings = await readConfig(flags.config, context.folder);
  const settings: FileSettings & Flags = { ...file, ...flags };
  // What may be given several times adds up, the command line last: it wins where both name the same.
  for (const [key, value] of Object.entries(flags)) {
    const before = file[key as keyof FileSettings];
    if (Array.isArray(value) && addsUp(key) && Array.isArray(before))
      Object.assign(settings, { [key]: [...(before as unknown[]), ...(value as unknown[])] });
  }
  if (settings.lang !== undefined) context.texts = textsOf(settings.lang);
  if (settings.json !== undefined) context.json = settings.json;
  for (const folder of [settings.weights, settings.samples]) requireFolder(folder);
  return settings;
}

/**
 * A place that is written to or looked into.
 * @throws PLACE_ELSEWHERE
 */
export function requireFolder(place: string | undefined): void {
  if (place !== undefined && isElsewhere(place)) throw new GuardapesosError("PLACE_ELSEWHERE", { place });
}

/** Writes a line for a person; with `--json`, nothing. @param paint over the colour that its symbol gives it */
export function say(context: Context, line: string, paint = (text: string): string => text): void {
  if (!context.json) context.output.write(`${paint(styled(line, context.output))}\n`);
}

/** What did not work beside the checkpoints, for a person. */
export function sayProblems(context: Context, problems: readonly StoreProblem[]): void {
  for (const problem of problems) say(context, `⚠ ${context.texts.store.problem(problem)}`);
}

/** With `--json`, writes a line for a program; otherwise nothing. */
export function tell(context: Context, type: string, data: object): void {
  if (context.json) context.output.write(jsonLine(type, data));
}

/** Tells a thrown value, in one sentence or one line of JSON; a bug's stack goes to standard error. Sets the exit code. */
export function tellError(context: Context, error: unknown): void {
  const { output, texts, json } = context;
  const known = isGuardapesosError(error);
  const message = known ? sentenceOf(texts, error) : texts.commands.bug(reasonOf(error));
  context.exitCode = exitCodeOfError(error);
  if (json) {
    const code = known ? error.code : "BUG";
    const data = known ? { data: error.data } : {};
    const write = context.outputIsTaken ? output.writeError : output.write;
    write(jsonLine("error", { code, message, exitCode: context.exitCode, ...data }));
  }
  if (!json || output.failure() !== undefined) {
    const mark = output.symbols ? "❌" : texts.commands.error;
    output.writeError(`${output.colors.red(`${mark} ${escapeControls(message)}`)}\n`);
  }
  if (!known) output.writeError(`${stackOf(error)}\n`);
}
