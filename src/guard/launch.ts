/** What is added to a start of the guarded command: nothing by itself; what `--set`, `--resume-...` and recipes ask for. */
import type { NotRestored } from "../events/guarded.js";
import type { ResumePoint } from "./placeholders.js";
import type { Setting } from "./settings.js";

/** What a start is for. */
export interface LaunchContext {
  /** 1 for the first start. */
  readonly attempt: number;
  readonly cause: "start" | "crash" | "heat" | "hang";
  /** The newest whole checkpoint of the series, with its verified copies; undefined where there is none. */
  readonly point: ResumePoint | undefined;
}

export interface LaunchExtras {
  /** Words at the end of the command. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What goes into GUARDAPESOS_AGENT_SET (docs/guard-agent.md); undefined: nothing is set. */
  readonly set: { readonly set: readonly Setting[]; readonly args: readonly string[] } | undefined;
  /** The checkpoint that it goes on from; undefined: it begins anew, or looks for itself. */
  readonly from: string | undefined;
}

export interface Launch {
  /** @throws PLACEHOLDER_EMPTY */
  readonly extras: (context: LaunchContext) => LaunchExtras;
  /** Whether anything says how the script goes on from a checkpoint. */
  readonly canResume: boolean;
  /** Whether anything is set after heat: only then is a cool-down by restart of any use. */
  readonly coolsByRestart: boolean;
  /** What a restart does not take up again. @param keys what the checkpoints hold at their top, where that is known */
  readonly notRestored: (point: ResumePoint | undefined, keys?: readonly string[]) => readonly NotRestored[];
}

export const noExtras: Launch = {
  extras: () => ({ args: [], environment: {}, set: undefined, from: undefined }),
  canResume: false,
  coolsByRestart: false,
  notRestored: () => [],
};
