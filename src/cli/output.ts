/**
 * Where words go, and what the place can show. A pipe whose reader has left (EPIPE) or a terminal that was closed (EIO)
 * must not end a training: after such an error nothing more is written, and everything else goes on.
 */
import pc from "picocolors";

type Colors = ReturnType<typeof pc.createColors>;

export interface Output {
  /** Standard output, as it is. */
  readonly stream: NodeJS.WriteStream;
  readonly isTerminal: boolean;
  /** Whether emoji and block characters are shown as such. */
  readonly symbols: boolean;
  readonly colors: Colors;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Resolves when all is written, or after two seconds with a reader that takes nothing. */
  readonly flushed: () => Promise<void>;
}

interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
}

/** Terminals that draw emoji and blocks. The Linux console and the old Windows console do not. */
function showsSymbols({ environment, platform }: Surroundings): boolean {
  const terminal = environment["TERM"] ?? "";
  if (platform !== "win32") return terminal !== "linux" && terminal !== "dumb";
  const { WT_SESSION, ConEmuTask, TERM_PROGRAM } = environment;
  return Boolean(WT_SESSION ?? ConEmuTask ?? TERM_PROGRAM) || terminal.startsWith("xterm");
}

/** https://no-color.org: any value that is not empty switches colours off. */
function showsColors({ environment }: Surroundings): boolean {
  return !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
}

/** Silences a stream from its first error on. Returns how to write to it. */
function writer(stream: NodeJS.WriteStream): (text: string) => void {
  let broken = false;
  stream.on("error", () => {
    broken = true;
  });
  return (text) => {
    if (!broken) stream.write(text);
  };
}

/** The output over a process's two streams. */
export function createOutput(
  stdout: NodeJS.WriteStream,
  stderr: NodeJS.WriteStream,
  surroundings: Surroundings,
): Output {
  // Of a pipe it is undefined, whatever its type says.
  const isTerminal = (stdout.isTTY as boolean | undefined) ?? false;
  const write = writer(stdout);
  const drained = (stream: NodeJS.WriteStream) =>
    new Promise<void>((resolve) => {
      stream.once("error", () => resolve());
      if (stream.writable) stream.write("", () => resolve());
      else resolve();
    });
  return {
    stream: stdout,
    isTerminal,
    symbols: isTerminal && showsSymbols(surroundings),
    colors: pc.createColors(isTerminal && showsColors(surroundings)),
    write,
    writeError: writer(stderr),
    flushed: async () => {
      const patience = new Promise<void>((resolve) => setTimeout(resolve, 2000).unref());
      await Promise.race([Promise.all([drained(stdout), drained(stderr)]), patience]);
    },
  };
}
