/**
 * `--stop-with-parent`: the end of the program that started this one asks for a stop. Only with that option: whoever
 * runs a training behind `nohup` or with nothing on standard input does not mean it.
 */
import { fstatSync } from "node:fs";
import type { StopTarget } from "./signals.js";

/** Whether standard input comes from a program, which holds its other end for as long as it lives. */
function isFromProgram(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isSocket();
  } catch {
    return false;
  }
}

/**
 * Asks for a stop when the parent is gone: its end of standard input is closed, or of the channel that Node's `fork`
 * makes; or, where the system gives orphans to another process, that has become the parent.
 * @returns ends it
 */
export function stopWithParent(target: StopTarget): () => void {
  let asked = false;
  const gone = (): void => {
    if (!asked) target.request("parent");
    asked = true;
  };
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) gone();
  }, 1000);
  timer.unref();
  process.on("disconnect", gone);
  const { stdin } = process;
  const reads = isFromProgram();
  if (reads) {
    stdin.on("end", gone).on("error", gone).on("close", gone);
    stdin.resume();
  }
  return () => {
    clearInterval(timer);
    process.off("disconnect", gone);
    if (reads) stdin.off("end", gone).off("error", gone).off("close", gone).pause();
  };
}
