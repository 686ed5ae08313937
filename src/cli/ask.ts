/** A question to the person at the terminal. */
import { createInterface } from "node:readline";
import type { Context } from "./context.js";

/** Whether there is a person who reads what is said and can answer. */
export function canAsk({ json, output }: Context): boolean {
  return !json && output.isTerminal && process.stdin.isTTY;
}

/** @returns what was typed, without spaces around it; "" for the end of the input; undefined for Ctrl+C */
export function ask({ output }: Context, question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: output.stream });
  return new Promise<string | undefined>((resolve) => {
    const leave = (answer: string | undefined): void => {
      lines.off("close", end);
      output.write("\n");
      resolve(answer);
    };
    const end = (): void => leave("");
    lines.once("SIGINT", () => leave(undefined)).once("close", end);
    lines.question(question, (answer) => {
      lines.off("close", end);
      resolve(answer.trim());
    });
  }).finally(() => lines.close());
}
