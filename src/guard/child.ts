/**
 * The command that is guarded, as a process: in a session of its own, so that what is pressed in the terminal reaches only us,
 * with the terminal's own input and outputs, so that it lives on when we do not.
 */
import { spawn } from "node:child_process";
import { delimiter } from "node:path";

import { agentFolder } from "./agent-folder.js";
import type { CommandEnd } from "./exit.js";
import { startError } from "./program.js";

export interface Child {
  readonly pid: number;
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number;
  readonly ended: Promise<CommandEnd>;
}

/** What the agent is told when it starts. */
export interface AgentPlace {
  readonly port: number;
  readonly token: string;
  /** For its snapshots; absolute. */
  readonly folder: string;
  /** The JSON of GUARDAPESOS_AGENT_SET; undefined: nothing is set. */
  readonly set: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of a guarded command. @param agent undefined: it goes without one */
export function environmentOf(
  before: Environment,
  extra: Environment,
  agent: AgentPlace | undefined,
): Environment {
  const environment = { ...before, ...extra };
  // Of a guard around this one: it is not the one that this command answers to.
  for (const name of Object.keys(environment))
    if (name.startsWith("GUARDAPESOS_AGENT_")) environment[name] = undefined;
  if (agent === undefined) return environment;
  const { PYTHONPATH: path } = environment;
  const folders = (path ?? "").split(delimiter).filter((folder) => folder !== agentFolder);
  return {
    ...environment,
    // An empty part means the current folder: it stays what it is.
    PYTHONPATH: path === undefined || path === "" ? agentFolder : [agentFolder, ...folders].join(delimiter),
    GUARDAPESOS_AGENT_PORT: String(agent.port),
    GUARDAPESOS_AGENT_TOKEN: agent.token,
    GUARDAPESOS_AGENT_FOLDER: agent.folder,
    GUARDAPESOS_AGENT_SET: agent.set,
    FOR_DISABLE_CONSOLE_CTRL_HANDLER: "1",
  };
}

/**
 * Starts it.
 * @throws PROGRAM_NOT_FOUND, PROGRAM_NOT_EXECUTABLE
 */
export async function startChild(
  [program = "", ...args]: readonly string[],
  environment: Environment,
): Promise<Child> {
  const child = spawn(program, args, {
    env: environment,
    stdio: "inherit",
    // On Windows this would take its console away.
    detached: process.platform !== "win32",
  });
  const ended = new Promise<CommandEnd>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => {
      reject(startError(program, error));
    });
  });
  child.on("error", () => undefined);
  return { pid: child.pid!, startedAt: performance.now(), ended };
}
