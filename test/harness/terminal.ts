/** A real terminal, and a person in front of it (test/guard/terminal.py). */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export type Step =
  | { readonly wait: string; readonly within?: number }
  | { readonly send: string }
  | { readonly sleep: number }
  | { readonly resize: readonly [rows: number, columns: number] }
  | { readonly signal: NodeJS.Signals }
  | { readonly close: true };

export interface Shown {
  /** All that the terminal showed. */
  readonly text: string;
  /** The lines as they stand on the screen at last, as far as carriage returns make them. */
  readonly lines: readonly string[];
  /** The exit code; minus the signal where one ended it. */
  readonly code: number;
  /** The step that was waited for in vain; null when all came. */
  readonly failed: Step | null;
}

const helper = fileURLToPath(new URL("../guard/terminal.py", import.meta.url));

/** What is left of a line when each carriage return has begun it anew. */
function overwritten(line: string): string {
  return line
    .replace(/\r$/, "")
    .split("\r")
    .reduce((before, part) => part + before.slice(part.length), "")
    .trimEnd();
}

/** Runs `argv` in a terminal of 100 columns, in a folder, and does these steps one after the other. */
export async function inTerminal(
  folder: string,
  argv: readonly string[],
  steps: readonly Step[],
): Promise<Shown> {
  const child = spawn("python3", [helper], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
  const closed = once(child, "close");
  child.stdin.end(JSON.stringify({ argv, steps }));
  const answer = JSON.parse(await text(child.stdout)) as Omit<Shown, "lines">;
  await closed;
  return { ...answer, lines: answer.text.split("\n").flatMap((line) => overwritten(line)) };
}
