/** `guardapesos convert`: `.pth` to `.safetensors`, or back. The file that is made must not exist yet. */
import { stat } from "node:fs/promises";
import { GuardapesosError, isGuardapesosError, reasonOf } from "../../base/errors.js";
import { exitCodeOfStop } from "../exit-codes.js";
import { listenToSignals } from "../signals.js";
import type { Context } from "../context.js";
import { say, tell } from "../context.js";
import { wordsOf, type commonOptions, type convertOptions, type Settings } from "../options.js";

const endings = [".pth", ".pt", ".safetensors"];

/** Throws TORCH_FILE_* for what is read, OUTPUT_* for what is written, OPTION_INVALID for another ending. */
export async function convert(
  context: Context,
  flags: Settings<typeof convertOptions & typeof commonOptions>,
  [from = "", to = ""]: readonly string[],
): Promise<void> {
  if (!endings.some((ending) => to.toLowerCase().endsWith(ending))) {
    const values = endings.map((ending) => `*${ending}`);
    const option = `<${context.texts.help.argument.to.name}>`;
    throw new GuardapesosError("OPTION_INVALID", { option, value: to, expected: { kind: "one-of", values } });
  }
  const { convertFile } = await import("../../torch/index.js");
  const stopping = new AbortController();
  const deaf = listenToSignals({
    request: (signal) => {
      // Whoever presses twice does not want to wait for the disk.
      if (stopping.signal.aborted) process.exit(exitCodeOfStop(signal));
      stopping.abort(signal);
    },
  });
  try {
    await convertFile(from, to, {
      weightsOnly: flags.weightsOnly === true || flags.stateDict !== undefined,
      stateDict: wordsOf(flags.stateDict),
      signal: stopping.signal,
    });
  } catch (error) {
    if (stopping.signal.aborted) {
      say(context, context.texts.commands.convertStopped(to));
      context.exitCode = exitCodeOfStop(String(stopping.signal.reason));
      return;
    }
    // The reader's errors are ours; Node's own are about the file that was to be made.
    if (isGuardapesosError(error) || !(error instanceof Error && "syscall" in error)) throw error;
    if ("code" in error && error.code === "EEXIST") throw new GuardapesosError("OUTPUT_EXISTS", { path: to });
    throw new GuardapesosError("OUTPUT_NOT_WRITABLE", { path: to, reason: reasonOf(error) }, error);
  } finally {
    deaf();
  }
  const { size: bytes } = await stat(to);
  tell(context, "converted", { from, to, bytes });
  say(context, context.texts.commands.converted(from, to, bytes));
}
