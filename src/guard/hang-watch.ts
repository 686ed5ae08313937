/** Looks whether the processes that train get on, tells when one does not, and ends it where that was asked for. */
import type { Emit } from "../events/event.js";
import type { Agent, Agents } from "./agents.js";
import { afterSign, beginWatching, hangOf, type Hang, type HangState, type Sign } from "./hang.js";
import { processOf } from "./news.js";
import type { ProcessState } from "./processes.js";

export interface HangWatch {
  /** The command has been started, for the first time or once more. */
  readonly began: () => void;
  /** Whether it has killed the command since. */
  readonly killed: () => boolean;
  readonly close: () => void;
}

/** What is known of one process. */
interface Watched {
  state: HangState;
  /** Saves that have begun or ended. */
  saves: number;
}

const signOf = ({ phase, batches, steps, paused }: ProcessState, saves: number): Sign => ({
  phase,
  batches,
  steps,
  saves,
  paused,
});

/**
 * @param kill ends the command; undefined: it is only told
 * @param now seconds on the guard's clock
 */
export function watchForHangs(
  agents: Agents,
  kill: (() => void) | undefined,
  emit: Emit,
  now: () => number,
): HangWatch {
  const watched = new Map<number, Watched>();
  let killed = false;
  const of = ({ hello: { pid }, phase }: ProcessState): Watched => {
    const known = watched.get(pid) ?? { state: beginWatching(phase, now()), saves: 0 };
    watched.set(pid, known);
    return known;
  };
  const tell = async (agent: Agent, { phase, seconds, usual, killAfter }: Hang): Promise<void> => {
    const whose = processOf(agent.state);
    const left = kill === undefined ? undefined : killAfter;
    emit({ type: "hang", ...whose, phase, seconds, usual, killAfter: left });
    const answer = await agents.ask(agent, { t: "stacks" }, ["stacks"]);
    if (answer) emit({ type: "stacks", ...whose, why: "hang", text: answer.text });
  };
  /** Brings one process up to now. */
  const look = (agent: Agent): void => {
    const { state } = agent;
    // Of anything else it is not known what getting on would be.
    if (state.leaving || (!state.trains && state.torch === undefined)) return;
    const one = of(state);
    const { told, since } = one.state;
    one.state = afterSign(one.state, signOf(state, one.saves), now());
    if (told && !one.state.told && !state.paused)
      emit({ type: "hang-over", ...processOf(state), seconds: now() - since });
    const hang = hangOf(one.state, now());
    if (hang === undefined) return;
    if (!one.state.told) {
      one.state = { ...one.state, told: true };
      void tell(agent, hang);
    }
    if (kill === undefined || hang.killAfter > 0 || killed) return;
    killed = true;
    kill();
  };
  agents.observe({
    message(agent, { t }) {
      if (t === "save-started" || t === "saved" || t === "save-failed") of(agent.state).saves += 1;
      look(agent);
    },
    closed: ({ state }) => watched.delete(state.hello.pid),
  });
  const timer = setInterval(() => agents.mains().forEach(look), 2000);
  timer.unref();
  return {
    began() {
      killed = false;
    },
    killed: () => killed,
    close() {
      clearInterval(timer);
    },
  };
}
