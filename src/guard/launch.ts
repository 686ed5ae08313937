/** What is added to a start of the guarded command: nothing by itself; what `--set`, `--resume-...` and recipes ask for. */

/** What a start is for. */
export interface LaunchContext {
  /** 1 for the first start. */
  readonly attempt: number;
  readonly cause: "start" | "crash" | "heat" | "hang";
}

export interface LaunchExtras {
  /** Words at the end of the command. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What goes into GUARDAPESOS_AGENT_SET (docs/guard-agent.md); undefined: nothing is set. */
  readonly set: object | undefined;
  /** The checkpoint that it goes on from; undefined: it begins anew, or looks for itself. */
  readonly from: string | undefined;
}

export type Launch = (context: LaunchContext) => Promise<LaunchExtras>;

export const noExtras: Launch = () =>
  Promise.resolve({ args: [], environment: {}, set: undefined, from: undefined });
