/**
 * Ending the process without waiting for its threads. Node waits for them, and one may be in the middle of a batch that
 * nobody waits for any more, or of a system call on a disk or a card that never answers.
 */

/** Ends the process at once. REQUIRES: what it has said is written, and its weights are safe. */
export async function leave(exitCode: number): Promise<never> {
  try {
    const { default: koffi } = await import("koffi");
    if (process.platform === "win32") {
      const kernel = koffi.load("kernel32.dll");
      const current = kernel.func("void* __stdcall GetCurrentProcess()") as () => unknown;
      const terminate = kernel.func("int __stdcall TerminateProcess(void*, uint32)") as (
        ...of: unknown[]
      ) => void;
      terminate(current(), exitCode);
    } else {
      const exit = koffi.load(null).func("void _exit(int)") as (code: number) => void;
      exit(exitCode);
    }
  } catch {
    // Without it, at the end of the batch.
  }
  process.exit(exitCode);
}
