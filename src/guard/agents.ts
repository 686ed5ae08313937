/** The agents that are connected: what is known of each process, who is meant by a request, and its answer. */
import type { Connection, ServerListener } from "./agent-server.js";
import { afterMessage, firstState, mainProcesses, type ProcessState } from "./processes.js";
import type { AgentMessage, GuardMessage } from "./protocol.js";

/** A connected process. */
export interface Agent {
  readonly connection: Connection;
  readonly state: ProcessState;
}

/** Told after the state has changed. */
export interface AgentsObserver {
  readonly connected?: (agent: Agent) => void;
  readonly message?: (agent: Agent, message: AgentMessage, before: ProcessState) => void;
  /** The last state of a process whose connection is closed. */
  readonly closed?: (agent: Agent) => void;
}

/** What is asked, still without its number. */
export type Request =
  Exclude<GuardMessage, { readonly t: "welcome" | "pace" }> extends infer Message
    ? Message extends { readonly id: number }
      ? Omit<Message, "id">
      : never
    : never;

export interface Agents {
  readonly listener: ServerListener;
  readonly all: () => readonly Agent[];
  /** See `mainProcesses`. */
  readonly mains: () => readonly Agent[];
  /** Any process has said hello since the beginning. */
  readonly everConnected: () => boolean;
  readonly observe: (observer: AgentsObserver) => void;
  /**
   * Asks one process.
   * @param answers the types that answer it
   * @returns undefined when its connection closes before
   */
  readonly ask: <T extends AgentMessage["t"]>(
    agent: Agent,
    request: Request,
    answers: readonly T[],
  ) => Promise<Extract<AgentMessage, { readonly t: T }> | undefined>;
}

interface Waiting {
  readonly connection: Connection;
  readonly id: number;
  readonly answers: readonly string[];
  readonly resolve: (answer: AgentMessage | undefined) => void;
}

/** @param now seconds on the guard's clock */
export function createAgents(now: () => number): Agents {
  const states = new Map<Connection, ProcessState>();
  const observers: AgentsObserver[] = [];
  let waiting: readonly Waiting[] = [];
  let nextId = 1;
  let ever = false;

  /** Answers those who wait for this, and leaves the others waiting. */
  const answer = (isIts: (one: Waiting) => boolean, message: AgentMessage | undefined): void => {
    const answered = waiting.filter(isIts);
    waiting = waiting.filter((one) => !answered.includes(one));
    for (const { resolve } of answered) resolve(message);
  };

  const all = (): readonly Agent[] => [...states].map(([connection, state]) => ({ connection, state }));
  return {
    listener: {
      connected(connection) {
        ever = true;
        const state = firstState(connection.hello, now());
        states.set(connection, state);
        for (const { connected } of observers) connected?.({ connection, state });
      },
      message(connection, message) {
        const before = states.get(connection);
        if (before === undefined) return;
        const state = afterMessage(before, message, now());
        states.set(connection, state);
        for (const { message: told } of observers) told?.({ connection, state }, message, before);
        if ("id" in message && message.id !== undefined) {
          const { id, t } = message;
          answer((one) => one.connection === connection && one.id === id && one.answers.includes(t), message);
        }
      },
      closed(connection) {
        const state = states.get(connection);
        states.delete(connection);
        if (state !== undefined) for (const { closed } of observers) closed?.({ connection, state });
        answer((one) => one.connection === connection, undefined);
      },
    },
    all,
    mains() {
      const agents = all();
      const mains = mainProcesses(agents.map(({ state }) => state));
      return agents.filter(({ state }) => mains.includes(state));
    },
    everConnected: () => ever,
    observe: (observer) => void observers.push(observer),
    ask(agent, request, answers) {
      const id = nextId++;
      const { connection } = agent;
      if (!states.has(connection)) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        const given = resolve as (answer: AgentMessage | undefined) => void;
        waiting = [...waiting, { connection, id, answers, resolve: given }];
        connection.send({ ...request, id });
      });
    },
  };
}
