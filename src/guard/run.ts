/** A guarded training from beginning to end: the command, started once or again, and what is said when it has ended. */
import { setTimeout as wait } from "node:timers/promises";
import type { GuardapesosError } from "../base/errors.js";
import { inScope } from "../base/scope.js";
import type { Emit, RunEventOf } from "../events/event.js";
import type { CrashCause, GuardedFile } from "../events/guarded.js";
import type { HeatSummary } from "../thermal/history.js";
import { environmentOf, startChild, type Child } from "./child.js";
import { countMemoryKills, crashCause, type ToldCrash } from "./crash.js";
import { exitOf, type CommandEnd } from "./exit.js";
import { noExtras, type LaunchContext } from "./launch.js";
import { processOf } from "./news.js";
import { requireProgram } from "./program.js";
import { decideRestart, type PastStart } from "./restart.js";
import { scriptName } from "./script-name.js";
import { lastWords, openSession, type GuardOptions, type Session, type StopSource } from "./session.js";
import { settingMissing, settingName } from "./settings.js";
import { listenToTerminal } from "./terminal.js";
import { watchForAgents } from "./watch-for-agents.js";

/** Seconds for a boundary at Ctrl+Z: a person waits. */
const terminalPatience = 5;

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
  session.hangs.began();
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
  const exit = exitOf({ end, cause, delivered, saveFailed: session.rescue.failed() || keeper.failed() });
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
  return inScope(async (scope) => {
    const session = await openSession(scope, options, emit, stop);
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
