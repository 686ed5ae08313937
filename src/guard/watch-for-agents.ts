/** Says when no agent has reported from a command in time, and why, as far as that can be seen. */
import type { Emit } from "../events/event.js";
import { isPythonWord, whyMissing, type Sight } from "./agent-missing.js";
import type { Agents } from "./agents.js";
import { hasPython, hasVariable, listProcesses, treeOf, wordsOfProcess } from "./process-tree.js";

/** Milliseconds after the start at which a Python should have reported, and at which there should be one. */
const patience = { python: 5000, any: 15_000 } as const;
const lookEvery = 1000;

/** What can be seen of the processes of a command. */
function look(root: number): Sight {
  const tree = treeOf(root, listProcesses());
  const pythons = tree.filter((one) => hasPython([one]));
  const lost = pythons.map(({ pid }) => hasVariable(pid, "GUARDAPESOS_AGENT_PORT") === false);
  return { pythons: pythons.map(({ pid }) => wordsOfProcess(pid)), emptied: lost.some(Boolean) };
}

export interface AgentWatch {
  /** @param ended the command has: what was not said until then is said now */
  readonly close: (ended: boolean) => void;
}

/** @param wanted whether an agent goes into the command at all */
export function watchForAgents(
  root: number,
  agents: Agents,
  command: readonly string[],
  wanted: boolean,
  emit: Emit,
): AgentWatch {
  let told = false;
  let torch = false;
  const startedAt = performance.now();
  /** The last that was seen of it: nothing is, once it has ended. */
  let sight: Sight = { pythons: isPythonWord(command[0]) ? [command] : [], emptied: undefined };
  const tell = (reason: Parameters<typeof emit>[0] & { readonly type: "agent-missing" }): void => {
    if (!told) emit(reason);
    told = true;
  };
  if (!wanted) tell({ type: "agent-missing", reason: "not-wanted" });
  agents.observe({
    message: (_, message) => {
      // A script whose constants cannot be set has not run.
      if (message.t === "torch" || message.t === "set-missing") torch = true;
    },
  });
  const timer = setInterval(() => {
    if (agents.everConnected() || told) {
      clearInterval(timer);
      return;
    }
    const seen = look(root);
    if (seen.pythons.length > 0) sight = seen;
    const age = performance.now() - startedAt;
    if (age >= (seen.pythons.length > 0 ? patience.python : patience.any))
      tell({ type: "agent-missing", reason: whyMissing(seen) });
  }, lookEvery);
  timer.unref();
  return {
    close(ended) {
      clearInterval(timer);
      if (!ended) return;
      if (!agents.everConnected()) tell({ type: "agent-missing", reason: whyMissing(sight) });
      else if (!torch) tell({ type: "agent-missing", reason: "no-torch" });
    },
  };
}
