/**
 * The one interrupt of a guarded training. However often and by whatever it is asked for, each process that trains gets it
 * once; what is pressed afterwards is answered with what is waited for. Nothing is ever killed.
 */
import type { Emit } from "../events/event.js";
import type { Agent, Agents } from "./agents.js";
import { signalOf, type StopCause } from "./exit.js";
import { processOf } from "./news.js";
import { awaited, commonBatch } from "./processes.js";

/** What the system can do where no agent is. */
export interface PlainInterrupt {
  /** Sends the signal to the main process of the command, or SIGINT where it has no handler for it. @returns to which */
  readonly send: (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => number | undefined;
  /** What a person would type to end it. */
  readonly killCommand: () => string;
  /** The processes that it would end. */
  readonly pids: () => readonly number[];
}

export interface Interrupter {
  readonly request: (cause: StopCause) => void;
  /** What asked first; undefined while nobody has. */
  readonly cause: () => StopCause | undefined;
  /** Whether the interrupt has got to a process. */
  readonly delivered: () => boolean;
  /** When it did, seconds on the guard's clock. */
  readonly deliveredAt: () => number | undefined;
  /** What was asked for has been done, and the command is started again: the next request is the first one. */
  readonly reset: () => void;
  readonly close: () => void;
}

interface Wish {
  readonly cause: StopCause;
  times: number;
  deliveredAt: number | undefined;
  /** Boundaries passed by each process when it was interrupted. */
  readonly batches: Map<number, number>;
  ignoredTold: boolean;
}

/** Seconds for which a script may be quiet after its interrupt: its handler saves, and so do we. */
const quietFor = 20;
/** Seconds, and batches since, after which a script that goes on has taken no notice. */
const goesOn = { seconds: 3, batches: 3 } as const;

/** Whether a script that was interrupted has ignored it: it trains on, or nothing happens at all. */
export function isIgnored(
  agents: readonly Pick<Agent, "state">[],
  { deliveredAt, batches }: Pick<Wish, "deliveredAt" | "batches">,
  now: number,
): boolean {
  if (deliveredAt === undefined || agents.some(({ state }) => state.saves.size > 0)) return false;
  const seconds = now - deliveredAt;
  const trainsOn = agents.some(({ state }) => {
    const before = batches.get(state.hello.pid);
    return before !== undefined && state.batches >= before + goesOn.batches;
  });
  const lastSign = Math.max(deliveredAt, ...agents.map(({ state }) => state.progressAt));
  return (trainsOn && seconds >= goesOn.seconds) || (!trainsOn && now - lastSign >= quietFor);
}

/** @param now seconds on the guard's clock */
export function createInterrupter(
  agents: Agents,
  plain: PlainInterrupt,
  emit: Emit,
  now: () => number,
): Interrupter {
  let wish: Wish | undefined;
  const asked = new Set<number>();
  let plainSent = false;

  const sendPlain = (cause: StopCause): void => {
    if (wish === undefined || plainSent) return;
    plainSent = true;
    const pid = plain.send(signalOf(cause));
    if (pid === undefined) return;
    wish.deliveredAt ??= now();
    emit({ type: "interrupted", pid, signal: cause, where: "group" });
  };

  const ask = async (agent: Agent, atBatch: number | null, cause: StopCause): Promise<void> => {
    const { state } = agent;
    asked.add(state.hello.pid);
    // One rank of a job has the weights of all.
    const snapshot = (state.hello.rank ?? 0) === 0;
    const signal = signalOf(cause);
    const request = { t: "interrupt", signal, snapshot, withinSeconds: null, atBatch } as const;
    const answer = await agents.ask(agent, request, ["interrupting"]);
    if (answer === undefined || wish === undefined) return;
    wish.deliveredAt ??= now();
    const batches = agents.all().find(({ connection }) => connection === agent.connection)?.state.batches;
    wish.batches.set(state.hello.pid, batches ?? state.batches);
    emit({ type: "interrupted", ...processOf(state), signal: cause, where: answer.where });
  };

  /** Asks all that are meant now and were not asked yet: those that come later, too. */
  const deliver = (): void => {
    if (wish === undefined) return;
    const { cause } = wish;
    const mains = agents.mains();
    if (mains.length === 0) {
      if (agents.all().length === 0) sendPlain(cause);
      return;
    }
    const atBatch = commonBatch(mains.map(({ state }) => state));
    for (const agent of mains) if (!asked.has(agent.state.hello.pid)) void ask(agent, atBatch, cause);
  };

  const awaits = () =>
    awaited(
      agents.mains().map(({ state }) => state),
      wish?.deliveredAt !== undefined,
    );
  const tellIgnored = (): void => {
    if (wish?.deliveredAt === undefined) return;
    wish.ignoredTold = true;
    const seconds = now() - wish.deliveredAt;
    emit({ type: "interrupt-ignored", pids: plain.pids(), seconds, command: plain.killCommand() });
  };
  const look = (): void => {
    if (wish === undefined || wish.ignoredTold) return;
    if (isIgnored(agents.all(), wish, now())) tellIgnored();
  };
  agents.observe({
    connected: deliver,
    message: (_, message) => {
      if (message.t === "trains" || message.t === "torch") deliver();
    },
  });
  const timer = setInterval(look, 500);
  timer.unref();

  return {
    request(cause) {
      wish ??= { cause, times: 0, deliveredAt: undefined, batches: new Map(), ignoredTold: false };
      wish.times += 1;
      const batchSeconds = agents.mains()[0]?.state.batchSeconds;
      if (wish.ignoredTold) {
        tellIgnored();
        return;
      }
      emit({ type: "interrupt-asked", signal: cause, times: wish.times, awaits: awaits(), batchSeconds });
      deliver();
    },
    cause: () => wish?.cause,
    delivered: () => wish?.deliveredAt !== undefined,
    deliveredAt: () => wish?.deliveredAt,
    reset() {
      [wish, plainSent] = [undefined, false];
      asked.clear();
    },
    close: () => clearInterval(timer),
  };
}
