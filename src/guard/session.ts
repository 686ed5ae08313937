/** What a guarded command needs around it, opened in one scope: the folder, the socket, who keeps, watches, pauses and interrupts. */
import { mkdir, rm } from "node:fs/promises";
import { resolve } from "node:path";
import type { Scope } from "../base/scope.js";
import type { Emit, RunEventOf } from "../events/event.js";
import { listenForStop } from "../store/index.js";
import type { HeatOptions } from "../thermal/watch.js";
import { openAgentServer, type AgentServer } from "./agent-server.js";
import { createAgents, type Agents } from "./agents.js";
import { createAutosave } from "./autosaver.js";
import { createGuardBackups } from "./backups.js";
import { createCoolDown, type CoolDown } from "./cool-down.js";
import type { StopCause } from "./exit.js";
import { createFinder, type Finder } from "./finder.js";
import { openGuardedFolder, type GuardedFolder } from "./guarded-folder.js";
import { watchForHangs, type HangWatch } from "./hang-watch.js";
import { watchGuardHeat, type GuardHeat } from "./heat.js";
import { createInterrupter, type Interrupter } from "./interrupt.js";
import { intoStore } from "./into-store.js";
import { createKeeper, type Keeper } from "./keeper.js";
import type { Launch } from "./launch.js";
import { eventOf, processOf } from "./news.js";
import { createPauser, type Pauser } from "./pause.js";
import { createRescue, type Rescue } from "./rescue.js";
import { resumeFolder } from "./resume-point.js";
import { scriptName } from "./script-name.js";
import { createStage } from "./stage.js";
import { systemOf, type System } from "./system.js";

export interface GuardOptions {
  /** The words after `--`. */
  readonly command: readonly string[];
  readonly weights: string;
  readonly series: string;
  /** Daily backups that stay; 0: none are made. */
  readonly backups: number;
  /** Folders to look in for what no agent tells of. */
  readonly from: readonly string[];
  /** Whether the agent goes into the command. */
  readonly agent: boolean;
  /** What the agent does by itself: a snapshot every so many batches or seconds. */
  readonly autosave: { readonly batches: number } | { readonly seconds: number } | "auto" | undefined;
  readonly heat: HeatOptions;
  /** Whether a command that hangs is killed. */
  readonly hangKill: boolean;
  readonly language: string;
  /** What a person types to start it again. */
  readonly again: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How often it is started again after a crash or a hang. */
  readonly restart?: number;
  /** Whether heat ends the script and starts it again, instead of pausing it in place. */
  readonly coolByRestart?: boolean;
  /** What is added to a start. */
  readonly launch?: Launch;
}

/** Who asks for a stop: signals, the clock, other processes. */
export interface StopSource {
  /** Told of every request; of those before, too. */
  readonly listen: (listener: (cause: StopCause) => void) => void;
}

/** One guarded command while it runs. */
export interface Session {
  readonly options: GuardOptions;
  readonly emit: Emit;
  readonly now: () => number;
  readonly agents: Agents;
  readonly server: AgentServer | undefined;
  readonly folder: GuardedFolder;
  readonly system: System;
  readonly pauser: Pauser;
  readonly interrupter: Interrupter;
  readonly keeper: Keeper;
  readonly finder: Finder;
  readonly rescue: Rescue;
  readonly hangs: HangWatch;
  readonly heat: GuardHeat;
  readonly coolDown: CoolDown | undefined;
  /** Whether somebody asked for an end while nothing ran: before a restart. */
  readonly waited: { stopped: boolean };
  /** Of this run, absolute; goes at its end. */
  readonly stage: string;
}

/** Milliseconds for the last words of agents whose process has ended. */
export const lastWords = 2000;

/** In the guarded folder: snapshots and held files of the run that is on. */
const stageName = "snapshots";

/** The folder, held by us alone, with a stage of this run's own: what a killed guard has left there goes. */
async function openFolder(scope: Scope, { weights, series }: GuardOptions) {
  const folder = await openGuardedFolder(weights, series);
  scope.own(folder, async () => {
    await folder.note("", []);
    await folder.release();
  });
  const stage = resolve(folder.path, stageName);
  const emptied = [stage, resolve(folder.path, resumeFolder)];
  scope.own(emptied, async () => {
    for (const path of emptied) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  });
  await rm(stage, { recursive: true, force: true });
  await mkdir(stage, { recursive: true });
  return { folder, stage };
}

type Talk = Pick<Session, "options" | "emit" | "now" | "agents" | "folder" | "stage" | "interrupter">;

/** What turns the script's saves, and snapshots, into generations. */
function openKeeper(scope: Scope, { options, emit, now, agents, folder, stage, interrupter }: Talk) {
  const { command, weights, from } = options;
  const rescue = createRescue(agents, interrupter);
  const keep = intoStore(folder.store, scriptName(command), command);
  const backups = createGuardBackups({ weights, series: folder.series, keep: options.backups, emit });
  scope.own(backups, () => backups.close());
  const done = (_: unknown, kept: { readonly bytes: number } | undefined): void => {
    if (kept) backups.consider(kept.bytes);
  };
  const keeper = createKeeper({ agents, stage: rescue.around(createStage(stage)), keep, emit, now, done });
  scope.own(keeper, () => {
    keeper.close();
  });
  const { isTold, found } = keeper;
  const finder = createFinder({ folders: from, since: Date.now(), isTold, found });
  scope.own(finder, () => {
    finder.close();
  });
  return { rescue, keeper, finder };
}

/**
 * Opens all of it, and tells that a guarded run begins.
 * @throws what openGuardedFolder throws
 */
export async function openSession(
  scope: Scope,
  options: GuardOptions,
  emit: Emit,
  stop: StopSource,
): Promise<Session> {
  const begun = performance.now();
  const now = (): number => (performance.now() - begun) / 1000;
  const { folder, stage } = await openFolder(scope, options);
  const agents = createAgents(now);
  const system = systemOf();
  const pauser = createPauser(agents, system, emit, now);
  const interrupter = createInterrupter(agents, system, emit, now);
  scope.own(interrupter, () => {
    interrupter.close();
  });
  const request = (cause: StopCause): void => {
    interrupter.request(cause);
    pauser.resumeAll();
  };
  const coolDown = options.coolByRestart
    ? createCoolDown(() => {
        request("heat");
      })
    : undefined;
  const stopBy = (cause: StopCause): void => {
    coolDown?.cancel();
    request(cause);
  };
  let ended: RunEventOf<"ended"> | undefined;
  const tell: Emit = (event) => {
    if (event.type === "ended") ended = event;
    emit(event);
  };
  const asked = listenForStop(folder.lock, () => {
    stopBy("stop");
  });
  scope.own(asked, () => asked.close(ended));
  const talk = { options, emit: tell, now, agents, folder, stage, interrupter };
  const keeping = openKeeper(scope, talk);
  if (options.autosave === "auto") {
    const autosave = createAutosave(agents, interrupter, now);
    scope.own(autosave, () => {
      autosave.close();
    });
  }
  const kill = (): void => {
    system.kill();
  };
  const hangs = watchForHangs(agents, options.hangKill ? kill : undefined, emit, now);
  scope.own(hangs, () => {
    hangs.close();
  });
  const server = options.agent ? await openAgentServer(agents.listener) : undefined;
  scope.own(server, () => server?.close());
  const { command, weights, series } = options;
  emit({
    type: "guard-started",
    command,
    folder: process.cwd(),
    weights,
    series,
    newest: await folder.newest(),
  });
  const heatParts = { agents, pauser, tree: system, emit, request: stopBy, coolDown };
  const heat = await watchGuardHeat(options.heat, heatParts);
  scope.own(heat, () => heat.close());
  const waited = { stopped: false };
  const session: Session = { ...talk, ...keeping, system, pauser, hangs, server, heat, coolDown, waited };
  tellOfAgents(session, () => welcomeOf(options));
  stop.listen(stopBy);
  return session;
}

/** Tells what the agents tell, and keeps the note of which processes are guarded. */
function tellOfAgents({ agents, emit, folder, options, system }: Session, welcome: () => object): void {
  const name = scriptName(options.command);
  const note = (): void => {
    const pids = agents.mains().map(({ state }) => state.hello.pid);
    const root = system.root();
    void folder.note(name, [...new Set([...pids, ...(root === undefined ? [] : [root])])]);
  };
  agents.observe({
    connected({ connection, state }) {
      connection.send({ t: "welcome", lang: options.language, ...welcome() } as never);
      const { python, executable, main, module, world } = state.hello;
      const { rank } = state.hello;
      const whose = processOf(state);
      emit({
        type: "agent-connected",
        ...whose,
        python,
        executable,
        script: main,
        module,
        ...(rank === undefined ? {} : { world }),
      });
    },
    message({ state }, message, before) {
      const event = eventOf(message, state);
      if (event) emit(event);
      if (message.t === "no-snapshot" && state.trains) {
        const { reason: why, detail } = message;
        emit({ type: "no-snapshot", ...processOf(state), reason: "asked", why, detail });
      }
      if (state.trains && !before.trains) note();
    },
    closed({ state }) {
      if (state.leaving || !state.trains) return;
      // A process that ends takes its connection with it, a moment earlier.
      setTimeout(() => {
        if (system.isAlive(state.hello.pid)) emit({ type: "agent-lost", ...processOf(state) });
      }, lastWords).unref();
    },
  });
}

/** What the agent is told first. "auto" is decided here, from what a snapshot costs. */
function welcomeOf({ autosave }: GuardOptions): object {
  return { autosave: typeof autosave === "object" ? autosave : null };
}
