/**
 * A guarded training from beginning to end: the folder, the socket, the command, its interrupt, and what is said at the end.
 * Everything that is opened here is closed here, whatever happens.
 */
import { mkdir, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { GuardapesosError } from "../base/errors.js";
import type { Emit, RunEventOf } from "../events/event.js";
import type { CrashCause, GuardedFile } from "../events/guarded.js";
import { listenForStop } from "../store/index.js";
import { openAgentServer, type AgentServer } from "./agent-server.js";
import { createAgents, type Agents } from "./agents.js";
import { environmentOf, startChild, type Child } from "./child.js";
import { exitOf, type CommandEnd, type StopCause } from "./exit.js";
import { createAutosave } from "./autosaver.js";
import { createRescue, type Rescue } from "./rescue.js";
import { intoStore } from "./into-store.js";
import { createKeeper, type Keeper } from "./keeper.js";
import { createStage } from "./stage.js";
import { openGuardedFolder, type GuardedFolder } from "./guarded-folder.js";
import { createCoolDown, type CoolDown } from "./cool-down.js";
import { countMemoryKills, crashCause, type ToldCrash } from "./crash.js";
import { watchForHangs, type HangWatch } from "./hang-watch.js";
import { watchGuardHeat, type GuardHeat } from "./heat.js";
import type { HeatSummary } from "../thermal/history.js";
import type { HeatOptions } from "../thermal/watch.js";
import { createGuardBackups } from "./backups.js";
import { createFinder, type Finder } from "./finder.js";
import { createInterrupter, type Interrupter } from "./interrupt.js";
import { noExtras, type Launch, type LaunchContext } from "./launch.js";
import { eventOf, processOf } from "./news.js";
import { createPauser, type Pauser } from "./pause.js";
import { resumeFolder } from "./resume-point.js";
import { decideRestart, type PastStart } from "./restart.js";
import { settingMissing, settingName } from "./settings.js";
import { systemOf, type System } from "./system.js";
import { requireProgram } from "./program.js";
import { scriptName } from "./script-name.js";
import { watchForAgents } from "./watch-for-agents.js";
import { listenToTerminal } from "./terminal.js";

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
interface Session {
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

/** Seconds for a boundary at Ctrl+Z: a person waits. */
const terminalPatience = 5;
/** Milliseconds for the last words of agents whose process has ended. */
const lastWords = 2000;

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

/** Waits for the command, and for what trains on after it has gone: a launcher may leave first. */
async function ended(child: Child, { agents }: Session): Promise<CommandEnd> {
  const end = await child.ended;
  const until = performance.now() + lastWords;
  const isTraining = (): boolean =>
    agents.all().some(({ state }) => state.trains && !state.leaving && state.hello.pid !== child.pid);
  while (agents.all().length > 0 && (performance.now() < until || isTraining())) await wait(20);
  return end;
}

/** How one start has ended. */
interface Round {
  readonly end: CommandEnd;
  readonly crash: CrashCause | undefined;
  readonly seconds: number;
  /** An optimizer step was run. */
  readonly trained: boolean;
}

/** Starts the command, and hands it everything that reaches us for it until it has ended. */
async function guardOnce(session: Session, context: LaunchContext): Promise<Round> {
  const { options, emit, server, folder, system, agents, pauser } = session;
  const { attempt } = context;
  const launch = (options.launch ?? noExtras).extras(context);
  const agent = server && {
    port: server.port,
    token: server.token,
    folder: session.stage,
    set: launch.set === undefined ? undefined : JSON.stringify(launch.set),
  };
  const command = [...options.command, ...launch.args];
  const child = await startChild(command, environmentOf(options.environment, launch.environment, agent));
  system.began(child.pid);
  emit({ type: "child-started", pid: child.pid, command, attempt, from: launch.from });
  void folder.note(scriptName(command), [child.pid]);
  const told = listenForCrash(session);
  const watcher = watchForAgents(child.pid, agents, command, options.agent, (event) => {
    emit(event);
    const unmet = launch.set?.set.map(settingName) ?? [];
    if (event.type === "agent-missing" && event.reason !== "no-torch" && unmet.length > 0)
      emit({ type: "agent-notice", pid: child.pid, what: "set-unmet", detail: unmet.join(", ") });
  });
  const stopListening = listenToTerminal({
    resized: () => system.resized(),
    passOn: (signal) => system.passOn(signal, agents.mains()),
    dump: () => void dumpStacks(session),
    pause: () => pauser.pause("terminal", { snapshot: false, patience: terminalPatience }),
    resume: () => pauser.resume("terminal"),
  });
  try {
    const end = await ended(child, session);
    const { interrupter } = session;
    const seconds = (performance.now() - child.startedAt) / 1000;
    emit({
      type: "child-ended",
      pid: child.pid,
      ...codeOrSignal(end),
      seconds,
      interrupted: interrupter.delivered(),
    });
    watcher.close(!interrupter.delivered());
    const { trained, ...crashFacts } = told();
    return { end, crash: tellCrash(session, child.pid, end, crashFacts), seconds, trained };
  } finally {
    watcher.close(false);
    stopListening();
    system.ended();
  }
}

/** What an agent says of the exception that ends its process; the first one counts. */
function listenForCrash({ agents }: Session): () => {
  told: ToldCrash | undefined;
  kills: number;
  trained: boolean;
} {
  let told: ToldCrash | undefined;
  let trained = false;
  const before = countMemoryKills() ?? 0;
  agents.observe({
    message: (_, message) => {
      if (message.t === "crash") told ??= { ...message, where: message.where };
      if (message.t === "trains") trained = true;
    },
  });
  return () => ({ told, trained, kills: (countMemoryKills() ?? 0) - before });
}

/** Says why it has ended, where nobody had asked it to. */
function tellCrash(
  { interrupter, hangs, emit }: Session,
  pid: number,
  end: CommandEnd,
  { told, kills }: { readonly told: ToldCrash | undefined; readonly kills: number },
): CrashCause | undefined {
  if (interrupter.delivered()) return undefined;
  const { platform } = process;
  const sent: NodeJS.Signals[] = hangs.killed() ? ["SIGKILL"] : [];
  const cause = crashCause({ end, told, sent, memoryKills: kills, platform });
  if (cause) emit({ type: "crash", pid, cause });
  return cause;
}

const codeOrSignal = ({ code, signal }: CommandEnd) => ({
  code: signal === undefined ? code : undefined,
  signal,
});

/** Ctrl+\: what all threads of the processes that train are doing. */
async function dumpStacks({ agents, emit }: Session): Promise<void> {
  for (const agent of agents.mains()) {
    const answer = await agents.ask(agent, { t: "stacks" }, ["stacks"]);
    if (answer) emit({ type: "stacks", ...processOf(agent.state), why: "asked", text: answer.text });
  }
}

/** Says how it has ended, and what is safe. */
function tellEnd(
  session: Session,
  end: CommandEnd,
  startedAt: number,
  copies: readonly GuardedFile[],
  heat: HeatSummary | undefined,
): Ended {
  const { options, interrupter, keeper } = session;
  const cause = interrupter.cause();
  const delivered = interrupter.delivered() || session.waited.stopped;
  const exit = exitOf({ end, cause, delivered, saveFailed: session.rescue.failed() });
  const isStopped = exit.of === "guardapesos";
  const how = isStopped
    ? cause === "heat"
      ? "overheated"
      : "stopped"
    : exit.code === 0
      ? "finished"
      : "failed";
  return {
    type: "ended",
    how,
    signal: isStopped ? cause : end.signal,
    position: undefined,
    seconds: (performance.now() - startedAt) / 1000,
    files: copies.length > 0 ? copies : keeper.newest(),
    preview: undefined,
    nonFinite: keeper.nonFinite(),
    resumeCommand: how === "finished" ? undefined : options.again,
    batchesLost: undefined,
    heat,
    code: undefined,
    child: { name: scriptName(options.command), exitCode: exit.code, codeOf: exit.of },
  };
}

type Ended = RunEventOf<"ended">;

/** Everything of a run but its command, in one scope: what is opened is closed in every exit. */
async function withSession<T>(
  options: GuardOptions,
  emit: Emit,
  stop: StopSource,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const begun = performance.now();
  const now = (): number => (performance.now() - begun) / 1000;
  const folder = await openGuardedFolder(options.weights, options.series);
  const agents = createAgents(now);
  const system = systemOf();
  const stage = resolve(folder.path, stageName);
  const pauser = createPauser(agents, system, emit, now);
  const interrupter = createInterrupter(agents, system, emit, now);
  const request = (cause: StopCause): void => {
    interrupter.request(cause);
    pauser.resumeAll();
  };
  const coolDown = options.coolByRestart ? createCoolDown(() => request("heat")) : undefined;
  const stopBy = (cause: StopCause): void => {
    coolDown?.cancel();
    request(cause);
  };
  const asked = listenForStop(folder.lock, () => stopBy("stop"));
  const rescue = createRescue(agents, interrupter);
  const files = createStage(stage);
  const { command, weights, series } = options;
  const keep = intoStore(folder.store, scriptName(command), command);
  const backups = createGuardBackups({
    weights,
    series: folder.series,
    keep: options.backups,
    emit,
  });
  const done = (_: unknown, kept: { readonly bytes: number } | undefined): void => {
    if (kept) backups.consider(kept.bytes);
  };
  const keeper = createKeeper({ agents, stage: rescue.around(files), keep, emit, now, done });
  const { isTold, found } = keeper;
  const finder = createFinder({ folders: options.from, since: Date.now(), isTold, found });
  const autosave = options.autosave === "auto" ? createAutosave(agents, interrupter, now) : undefined;
  const hangs = watchForHangs(agents, options.hangKill ? () => system.kill() : undefined, emit, now);
  let server: AgentServer | undefined;
  let heat: GuardHeat | undefined;
  let answer: unknown;
  const tell: Emit = (event) => {
    if (event.type === "ended") answer = event;
    emit(event);
  };
  try {
    // What a killed guard has left.
    await rm(stage, { recursive: true, force: true });
    await mkdir(stage, { recursive: true });
    if (options.agent) server = await openAgentServer(agents.listener);
    const newest = await folder.newest();
    emit({ type: "guard-started", command, folder: process.cwd(), weights, series, newest });
    heat = await watchGuardHeat(options.heat, {
      agents,
      pauser,
      tree: system,
      emit,
      request: stopBy,
      coolDown,
    });
    const session: Session = {
      hangs,
      heat,
      options,
      emit: tell,
      now,
      agents,
      server,
      folder,
      system,
      pauser,
      interrupter,
      keeper,
      finder,
      rescue,
      coolDown,
      waited: { stopped: false },
      stage,
    };
    tellOfAgents(session, () => welcomeOf(options));
    stop.listen(stopBy);
    return await work(session);
  } finally {
    interrupter.close();
    keeper.close();
    finder.close();
    await backups.close();
    hangs.close();
    await heat?.close();
    autosave?.close();
    server?.close();
    await asked.close(answer);
    for (const path of [stage, resolve(folder.path, resumeFolder)])
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    await folder.note("", []);
    await folder.release();
  }
}

/** In the guarded folder: snapshots and held files of the run that is on. */
const stageName = "snapshots";

/** Waits before a restart: so long, and until the card is cool. @returns whether nobody has asked to stop meanwhile */
async function waitFor(seconds: number, { interrupter, coolDown, waited }: Session): Promise<boolean> {
  const until = performance.now() + 1000 * seconds;
  const isOver = (): boolean => performance.now() >= until && !(coolDown?.isOn() ?? false);
  while (interrupter.cause() === undefined && !isOver()) await wait(100);
  waited.stopped = interrupter.cause() !== undefined;
  return !waited.stopped;
}

/** Why a start is to be followed by another; undefined where it is not. */
function causeOfRestart(session: Session, crash: CrashCause | undefined): PastStart["cause"] | undefined {
  const { coolDown, interrupter, rescue, hangs } = session;
  if ((coolDown?.childEnded() ?? false) && interrupter.delivered()) {
    interrupter.reset();
    rescue.reset();
    return "heat";
  }
  if (interrupter.cause() !== undefined) return undefined;
  if (hangs.killed()) return "hang";
  return crash && "crash";
}

/** Starts it, and again where that was asked for and is of use, until it has ended for good. */
async function guardAll(session: Session, missing: () => GuardapesosError | undefined): Promise<CommandEnd> {
  const { options, emit, folder, keeper } = session;
  const { restart: most = 0, launch = noExtras } = options;
  const starts: PastStart[] = [];
  const find = async () => (launch.canResume ? folder.resumePoint() : undefined);
  let cause: LaunchContext["cause"] = "start";
  let point = await find();
  for (;;) {
    const kept = keeper.count();
    const context = { attempt: starts.length + 1, cause, point };
    const { end, crash, seconds, trained } = await guardOnce(session, context);
    const fault = missing();
    if (fault) throw fault; // the script has not run
    session.finder.look(true);
    await keeper.flush(true);
    const again = causeOfRestart(session, crash);
    if (again === undefined) return end;
    const newCheckpoint = keeper.count() > kept;
    starts.push({
      cause: again,
      crash: crash?.kind,
      trained: trained || newCheckpoint,
      newCheckpoint,
      seconds,
    });
    const decision = decideRestart({ most, starts, canResume: launch.canResume });
    if (!decision.again) {
      if (decision.reason) emit({ type: "restart-refused", reason: decision.reason });
      return end;
    }
    const { restart, waitSeconds } = decision;
    [cause, point] = [again, await find()];
    const notRestored = launch.notRestored(point);
    const from = point?.id;
    // Heat tells itself how long it waits.
    if (again === "heat" && !(await waitFor(0, session))) return end;
    emit({ type: "restarting", restart, most, waitSeconds, from, cause: again, notRestored });
    if (!(await waitFor(waitSeconds, session))) return end;
  }
}

/**
 * Runs a command under guard until it has ended.
 * @returns the exit code
 * @throws PROGRAM_NOT_FOUND, PROGRAM_NOT_EXECUTABLE, SETTING_MISSING, and what openGuardedFolder throws: nothing was started then
 */
export async function guard(options: GuardOptions, emit: Emit, stop: StopSource): Promise<number> {
  const startedAt = performance.now();
  requireProgram(options.command[0]!, options.environment["PATH"]);
  return withSession(options, emit, stop, async (session) => {
    let missing: GuardapesosError | undefined;
    session.agents.observe({
      message: (_, message) => {
        if (message.t === "set-missing") missing ??= settingMissing(message);
      },
    });
    const end = await guardAll(session, () => missing);
    const copies = await session.rescue.copy(session.emit, options.weights);
    const ended = tellEnd(session, end, startedAt, copies, await session.heat.close());
    session.emit(ended);
    return ended.child!.exitCode;
  });
}
