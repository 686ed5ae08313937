/** Asks for a snapshot now and then, where the interval is to follow from what one costs. */
import type { Agents } from "./agents.js";
import { canSave, isDue } from "./autosave.js";
import type { Interrupter } from "./interrupt.js";

/** @param now seconds on the guard's clock */
export function createAutosave(
  agents: Agents,
  interrupter: Interrupter,
  now: () => number,
): { readonly close: () => void } {
  let savedAt: number | undefined;
  let cost: number | undefined;
  let refusedAt: number | undefined;
  let asking = false;
  agents.observe({
    message: (_, message) => {
      if (message.t === "trains") savedAt ??= now();
      if (message.t === "saved") savedAt = now();
      if (message.t === "snapshot") [savedAt, cost] = [now(), message.seconds];
    },
  });
  const timer = setInterval(() => {
    // One rank of a job has the weights of all.
    const agent = agents.mains().find(({ state }) => (state.hello.rank ?? 0) === 0);
    if (asking || interrupter.cause() !== undefined || agent === undefined || savedAt === undefined) return;
    if (!canSave(agent.state) || !isDue({ now: now(), savedAt, cost, refusedAt })) return;
    asking = true;
    void agents.ask(agent, { t: "snapshot", reason: "auto" }, ["snapshot", "no-snapshot"]).then((answer) => {
      asking = false;
      refusedAt = answer?.t === "no-snapshot" ? now() : undefined;
    });
  }, 1000);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
