/** The child's side of a sensor process: prints what all cards say, one line of JSON each time, until its parent is gone. */
import type { Given } from "../reading.js";

/**
 * Prints at once, and then every `interval` seconds. A failure ends the process with its reason on standard error.
 * @param read what all cards say now
 */
export function printCards(read: () => readonly Given[] | Promise<readonly Given[]>, interval: number): void {
  // On Windows a Ctrl+C reaches all programs of a console; it is for the parent.
  process.on("SIGINT", () => undefined);
  // The parent's end of the pipe closes when it ends, however it ends.
  process.stdin
    .resume()
    .on("end", () => process.exit())
    .on("error", () => process.exit());
  process.stdout.on("error", () => process.exit());
  const turn = async (): Promise<void> => {
    const cards = await read();
    if (cards.length === 0) throw new Error("no card");
    process.stdout.write(`${JSON.stringify(cards)}\n`);
    setTimeout(() => void turn().catch(fail), interval * 1000);
  };
  const fail = (error: unknown): void => {
    process.stderr.write(error instanceof Error ? error.message : String(error), () => process.exit(1));
  };
  turn().catch(fail);
}
