/** Where the program begins and ends: language, parsing, the one place that tells an error, the exit code. */
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { languageOf, languages, textsOf } from "../texts/index.js";
import type { Context } from "./context.js";
import { tellError } from "./context.js";
import type { Output } from "./output.js";
import { createOutput } from "./output.js";
import { createProgram, faultOf, parse } from "./program.js";
import type { Services } from "./services.js";
import { listenToSignals } from "./signals.js";

interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The system's language as a BCP 47 tag. */
  readonly locale: string;
  /** The current folder. */
  readonly folder: string;
  readonly version: string;
  readonly services: Services;
}

/** The value of `--lang`, known before anything else is parsed because the parser itself speaks. */
function languageFlag(typed: readonly string[]): string | undefined {
  const at = typed.findLastIndex((word) => word === "--lang" || word.startsWith("--lang="));
  return at < 0 ? undefined : (typed[at]!.split("=")[1] ?? typed[at + 1]);
}

/**
 * Runs one command line. Never throws: what goes wrong is told on `output`.
 * @param typed what stands after `guardapesos`
 * @returns the exit code
 */
export async function runProgram(
  typed: readonly string[],
  output: Output,
  { environment, locale, folder, version, services }: Surroundings,
): Promise<number> {
  const flag = languageFlag(typed);
  const language = languages.find((one) => one === flag) ?? languageOf(environment, locale);
  const context: Context = {
    output,
    services,
    typed,
    folder,
    version,
    texts: textsOf(language),
    json: typed.includes("--json"),
    exitCode: 0,
  };
  const program = createProgram(context);
  try {
    await parse(program, context);
  } catch (error) {
    const fault = error instanceof CommanderError ? faultOf(program, error) : error;
    if (fault !== undefined) tellError(context, fault);
  }
  return context.exitCode;
}

/** @param argv process.argv */
export async function main(argv: readonly string[]): Promise<void> {
  const { env, platform, stdout, stderr } = process;
  const { loadedServices } = await import("./services.js");
  const packageFile = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const output = createOutput(stdout, stderr, { environment: env, platform });
  const exitCode = await runProgram(argv.slice(2), output, {
    environment: env,
    locale: Intl.DateTimeFormat().resolvedOptions().locale,
    folder: process.cwd(),
    version: (JSON.parse(packageFile) as { version: string }).version,
    services: loadedServices,
  });
  // One more Ctrl+C now would cut off the last words, and change the exit code.
  listenToSignals({ request: () => undefined });
  await output.flushed();
  process.exit(exitCode);
}
