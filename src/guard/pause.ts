/**
 * Pausing a guarded training where it is, and letting it go on: by its agents at a batch boundary, all ranks at the same one;
 * where there is none, or none comes in time, by stopping the whole tree of processes wherever it is.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Emit } from "../events/event.js";
import type { PauseCause } from "../events/guarded.js";
import type { Agent, Agents } from "./agents.js";
import { processOf } from "./news.js";
import { commonBatch } from "./processes.js";

/** The tree of the command's processes, stopped and continued by the system. */
export interface Tree {
  readonly root: () => number | undefined;
  readonly signal: (signal: "SIGSTOP" | "SIGCONT") => void;
}

export interface PauseOptions {
  /** Whether a snapshot is made first. */
  readonly snapshot: boolean;
  /** Seconds to wait for a boundary. */
  readonly patience: number;
}

export interface Pauser {
  /**
   * Pauses for a cause; what is paused for another one stays so. Never rejects.
   * @param signal gives the waiting up: `resume` follows
   */
  readonly pause: (cause: PauseCause, options: PauseOptions, signal?: AbortSignal) => Promise<void>;
  /** Lets it go on when no other cause is left. */
  readonly resume: (cause: PauseCause) => void;
  /** Whatever it is paused for: an interrupt is on its way. */
  readonly resumeAll: () => void;
  readonly isPaused: () => boolean;
}

interface Paused {
  readonly since: number;
  readonly agents: readonly Agent[];
  readonly stopped: boolean;
}

/** @param now seconds on the guard's clock */
export function createPauser(agents: Agents, tree: Tree, emit: Emit, now: () => number): Pauser {
  const causes = new Map<PauseCause, number>();
  let held: Paused | undefined;
  let pausing: Promise<void> | undefined;

  /** @returns whether all have stopped at a boundary */
  const byAgents = async (
    mains: readonly Agent[],
    { snapshot, patience }: PauseOptions,
    signal: AbortSignal | undefined,
  ): Promise<boolean> => {
    const atBatch = commonBatch(mains.map(({ state }) => state));
    const answers = mains.map((agent) => {
      const isFirst = (agent.state.hello.rank ?? 0) === 0;
      const request = { t: "pause", snapshot: snapshot && isFirst, atBatch } as const;
      return agents.ask(agent, request, ["pausing"]);
    });
    const given = Promise.all(answers).then((all) => all.every((answer) => answer !== undefined));
    const over = new AbortController();
    const timer = wait(patience * 1000, false, { signal: over.signal, ref: false }).catch(() => false);
    const aborted = new Promise<boolean>((resolve) => {
      if (signal?.aborted === true) resolve(false);
      signal?.addEventListener("abort", () => resolve(false), { once: true });
    });
    const paused = await Promise.race([given, timer, aborted]);
    over.abort();
    return paused;
  };

  const tell = (cause: PauseCause, mains: readonly Agent[], where: "boundary" | "anywhere"): void => {
    const pid = tree.root();
    if (mains.length > 0)
      for (const { state } of mains) emit({ type: "child-paused", ...processOf(state), cause, where });
    else if (pid !== undefined) emit({ type: "child-paused", pid, cause, where });
  };

  const begin = async (
    cause: PauseCause,
    options: PauseOptions,
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    const mains = agents.mains();
    held = { since: now(), agents: mains, stopped: false };
    const atBoundary = mains.length > 0 && (await byAgents(mains, options, signal));
    if (!causes.has(cause)) return;
    if (!atBoundary) {
      if (signal?.aborted === true) return;
      tree.signal("SIGSTOP");
    }
    held = { since: now(), agents: mains, stopped: !atBoundary };
    tell(cause, mains, atBoundary ? "boundary" : "anywhere");
  };

  const letGo = (cause: PauseCause): void => {
    if (held === undefined) return;
    const { agents: mains, stopped, since } = held;
    held = undefined;
    if (stopped) tree.signal("SIGCONT");
    for (const agent of mains) void agents.ask(agent, { t: "resume" }, ["resumed"]);
    const seconds = now() - since;
    const pid = tree.root();
    if (mains.length > 0)
      for (const { state } of mains) emit({ type: "child-resumed", ...processOf(state), cause, seconds });
    else if (pid !== undefined) emit({ type: "child-resumed", pid, cause, seconds });
  };

  return {
    async pause(cause, options, signal) {
      causes.set(cause, now());
      if (causes.size === 1) pausing = begin(cause, options, signal);
      await pausing;
    },
    resume(cause) {
      if (!causes.delete(cause) || causes.size > 0) return;
      letGo(cause);
    },
    resumeAll() {
      const [cause] = causes.keys();
      causes.clear();
      if (cause !== undefined) letGo(cause);
    },
    isPaused: () => held !== undefined,
  };
}
