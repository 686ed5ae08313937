/** Where the program begins and ends: language, parsing, the one place that tells an error, the exit code. */
import { readFileSync, writeSync } from "node:fs";
import { CommanderError } from "commander";
import { GuardapesosError, reasonOf, stackOf } from "../base/errors.js";
import { languageOf, languages, textsOf } from "../texts/index.js";
import type { Context } from "./context.js";
import { tellError } from "./context.js";
import { bugExitCode } from "./exit-codes.js";
import { leave } from "./leave.js";
import type { Output } from "./output.js";
import { createOutput } from "./output.js";
import { createProgram, faultOf, parse } from "./program.js";
import type { Services } from "./services.js";
import { listenToFaults, listenToSignals } from "./signals.js";

interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The system's language as a BCP 47 tag. */
  readonly locale: string;
  /** The current folder; undefined when it is gone. */
  readonly folder: string | undefined;
  readonly version: string;
  readonly services: Services;
  /** Rejects with an error that nobody has caught. */
  readonly fault?: Promise<never>;
}

/** The value of `--lang`, known before anything else is parsed because the parser itself speaks. */
function languageFlag(typed: readonly string[]): string | undefined {
  const at = typed.findLastIndex((word) => word === "--lang" || word.startsWith("--lang="));
  return at < 0 ? undefined : (typed[at]!.split("=")[1] ?? typed[at + 1]);
}

/**
 * Runs one command line. Never throws: what goes wrong is told on `output`.
 * @param typed what stands after `guardapesos`
 * @returns how the process is to end
 */
export async function runProgram(
  typed: readonly string[],
  output: Output,
  { environment, locale, folder, version, services, fault }: Surroundings,
): Promise<Context> {
  // What stands after the dashes is another program's.
  const dashes = typed.indexOf("--");
  const words = dashes < 0 ? typed : typed.slice(0, dashes);
  const flag = languageFlag(words);
  const language = languages.find((one) => one === flag) ?? languageOf(environment, locale);
  const context: Context = {
    output,
    services,
    typed,
    folder: folder ?? "",
    version,
    texts: textsOf(language),
    json: words.includes("--json"),
    outputIsTaken: false,
    exitCode: 0,
    leaveAtOnce: false,
  };
  const program = createProgram(context);
  try {
    if (folder === undefined)
      throw new GuardapesosError("CURRENT_FOLDER_GONE", { folder: environment["PWD"] });
    await Promise.race([parse(program, context), ...(fault ? [fault] : [])]);
  } catch (error) {
    const told = error instanceof CommanderError ? faultOf(program, error) : error;
    if (told !== undefined) tellError(context, told);
  }
  return context;
}

/** The current folder; undefined when it has been deleted, or its disk unmounted. */
function currentFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/** Says that words are missing, which no command ends without. A code that says more stays. */
function tellLoss(context: Context): void {
  const failure = context.output.failure();
  if (failure === undefined) return;
  const { exitCode } = context;
  tellError(
    context,
    new GuardapesosError("OUTPUT_INCOMPLETE", { path: undefined, reason: reasonOf(failure) }),
  );
  if (exitCode !== 0) context.exitCode = exitCode;
}

/** Says what went wrong while it was told, in the plainest way there is. */
function lastWords(error: unknown): void {
  try {
    writeSync(2, `guardapesos: ${stackOf(error) || reasonOf(error)}\n`);
  } catch {
    // The exit code says it.
  }
}

/**
 * Runs the program, and ends the process.
 * @param argv process.argv
 */
export async function main(argv: readonly string[]): Promise<void> {
  // Until something says otherwise: whatever ends this process in silence has not gone well.
  process.exitCode = bugExitCode;
  process.once("beforeExit", () => {
    lastWords(new Error("nothing is left to wait for, and nothing has ended"));
    process.exit(bugExitCode);
  });
  try {
    await start(argv);
  } catch (error) {
    lastWords(error);
    await leave(bugExitCode);
  }
}

async function start(argv: readonly string[]): Promise<void> {
  const { env, platform, stdout, stderr } = process;
  const { loadedServices } = await import("./services.js");
  const packageFile = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const output = createOutput(stdout, stderr, { environment: env, platform });
  const fault = new Promise<never>((_, reject) => {
    const told = (error: Error): void => {
      // A run listens for itself, and saves first.
      if (process.listenerCount("uncaughtException") === 1) reject(error);
    };
    listenToFaults(told);
  });
  const context = await runProgram(argv.slice(2), output, {
    environment: env,
    locale: Intl.DateTimeFormat().resolvedOptions().locale,
    folder: currentFolder(),
    version: (JSON.parse(packageFile) as { version: string }).version,
    services: loadedServices,
    fault,
  });
  // One more Ctrl+C now would cut off the last words, and change the exit code.
  listenToSignals({ request: () => undefined });
  await output.flushed();
  tellLoss(context);
  const { exitCode, leaveAtOnce } = context;
  if (leaveAtOnce) await leave(exitCode);
  process.exit(exitCode);
}
