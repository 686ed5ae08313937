/** What commands do the work with, loaded only by the command that needs it: `--help` must not wait for the engine. */
import type { Emit, RunEventOf } from "../training/events.js";
import type { RunOptions } from "../training/options.js";
import type { StopTarget } from "./signals.js";

/** Each member loads its modules when called; tests put others in their place. */
export interface Services {
  readonly training: () => Promise<{
    readonly run: (options: RunOptions, emit: Emit, stop: StopTarget) => Promise<RunEventOf<"ended">>;
    readonly createStop: () => StopTarget;
  }>;
}

export const loadedServices: Services = {
  training: async () => {
    const [{ run }, { createStop }] = await Promise.all([
      import("../training/run.js"),
      import("../training/stop.js"),
    ]);
    return { run, createStop };
  },
};
