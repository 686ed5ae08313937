/**
 * Heat on a guarded training: the actuator that paces it at its batch boundaries, pauses it in place after a snapshot, and at the
 * critical temperature has it save and end. Without an agent the whole tree of processes is stopped and continued instead.
 */
import type { Emit } from "../events/event.js";
import type { Actuator } from "../thermal/actuator.js";
import { drive } from "../thermal/driver.js";
import type { HeatSummary } from "../thermal/history.js";
import { pauseAfter } from "../thermal/pacing.js";
import { findSensor, startMonitor, type HeatOptions, type HeatWatch } from "../thermal/watch.js";
import type { Agents } from "./agents.js";
import type { CoolDown } from "./cool-down.js";
import type { StopCause } from "./exit.js";
import type { Pauser, Tree } from "./pause.js";

export interface GuardHeat {
  /** Ends the watching. @returns what heat did; undefined when nothing was watched */
  readonly close: () => Promise<HeatSummary | undefined>;
}

export interface HeatParts {
  readonly agents: Agents;
  readonly pauser: Pauser;
  readonly tree: Tree;
  readonly emit: Emit;
  readonly request: (cause: StopCause) => void;
  /** With `--cool-by restart`; undefined: it cools by pausing in place. */
  readonly coolDown?: CoolDown | undefined;
}

/** Seconds to wait for a boundary before the tree is stopped wherever it is: an evaluation may be under way. */
const patience = 120;
/** Seconds of one turn of running and resting, without an agent. */
const turn = 2;

/** Rests of a command without an agent: so much of each turn it is stopped. @returns how to set the share, and how to end */
export function createDuty(tree: Tree): {
  readonly set: (idle: number) => void;
  readonly close: () => void;
} {
  let idle = 0;
  let resting = false;
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    const rests = !resting && idle > 0;
    if (rests !== resting) tree.signal(rests ? "SIGSTOP" : "SIGCONT");
    resting = rests;
    const seconds = turn * (resting ? idle : 1 - idle);
    timer = idle > 0 || resting ? setTimeout(next, 1000 * seconds).unref() : undefined;
  };
  return {
    set(share) {
      const wasIdle = idle > 0;
      idle = share;
      if (!wasIdle && share > 0 && timer === undefined) next();
    },
    close() {
      clearTimeout(timer);
      [timer, idle] = [undefined, 0];
      if (resting) tree.signal("SIGCONT");
      resting = false;
    },
  };
}

/** Paces by whoever is there: each agent rests after its batches, or the tree in turns. */
function createPacer(
  agents: Agents,
  tree: Tree,
): { readonly set: (idle: number) => void; readonly close: () => void } {
  const duty = createDuty(tree);
  let idle = 0;
  let told = new Map<number, number>();
  const apply = (): void => {
    const mains = agents.mains();
    duty.set(mains.length === 0 ? idle : 0);
    for (const { connection, state } of mains) {
      const rest = idle === 0 ? 0 : pauseAfter(state.batchSeconds ?? 0, idle);
      const before = told.get(state.hello.pid) ?? 0;
      if (Math.abs(rest - before) <= 0.05 * before) continue;
      connection.send({ t: "pace", rest });
      told.set(state.hello.pid, rest);
    }
  };
  const timer = setInterval(() => {
    if (idle > 0) apply();
  }, 1000);
  timer.unref();
  return {
    set(share) {
      idle = share;
      apply();
    },
    close() {
      clearInterval(timer);
      idle = 0;
      apply();
      duty.close();
      told = new Map();
    },
  };
}

function createActuator(
  { agents, pauser, request, coolDown }: HeatParts,
  pacer: { readonly set: (idle: number) => void },
  busy: (computes: boolean) => void,
): Actuator {
  return {
    pace: (idle) => pacer.set(idle ?? 0),
    async pause(signal, { severe }) {
      pacer.set(0);
      // Nothing is lost by a pause before there is anything to go on from.
      if (coolDown && agents.mains().some(({ state }) => state.trains)) {
        await coolDown.begin(signal);
        busy(false);
        return;
      }
      await pauser.pause(severe ? "critical-heat" : "heat", { snapshot: true, patience }, signal);
      busy(false);
    },
    resume() {
      busy(true);
      coolDown?.finish();
      pauser.resume("heat");
      pauser.resume("critical-heat");
    },
    stop: () => request("heat"),
  };
}

/** Watches, and acts on what it sees. */
function startHeat(watch: HeatWatch, options: HeatOptions, parts: HeatParts): GuardHeat {
  const monitor = startMonitor(watch, options.thresholds, parts.emit, undefined);
  const pacer = createPacer(parts.agents, parts.tree);
  const closing = new AbortController();
  monitor.busy(true);
  const actuator = createActuator(parts, pacer, (computes) => monitor.busy(computes));
  const { clock } = watch;
  const driving = drive({ monitor, actuator, clock, emit: parts.emit, signal: closing.signal });
  // Whoever closes hears of it.
  driving.catch(() => undefined);
  return {
    async close() {
      closing.abort();
      pacer.close();
      await driving;
      const summary = monitor.summary();
      await monitor.close();
      return summary;
    },
  };
}

/**
 * Begins to watch. A sensor that was asked for is there before anything starts; one that is only looked for takes its time
 * beside the command.
 * @throws SENSOR_UNAVAILABLE, TRACE_UNREADABLE, TRACE_INVALID
 */
export async function watchGuardHeat(options: HeatOptions, parts: HeatParts): Promise<GuardHeat> {
  const looking = new AbortController();
  const finding = findSensor(options, undefined, looking.signal);
  if (options.sensor.kind !== "auto") return closedOnce(startHeat(await finding, options, parts));
  const starting = finding.then(
    (watch) => (looking.signal.aborted ? undefined : startHeat(watch, options, parts)),
    () => undefined,
  );
  return closedOnce({
    async close() {
      looking.abort();
      return (await starting)?.close();
    },
  });
}

/** The first call closes; each gets what it has answered. */
function closedOnce({ close }: GuardHeat): GuardHeat {
  let closed: Promise<HeatSummary | undefined> | undefined;
  return { close: () => (closed ??= close()) };
}
