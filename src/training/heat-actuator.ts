/**
 * The training loop as heat's actuator: what heat asks for is kept here until the loop, between two steps, carries it out.
 */
import type { Actuator, HeatCause } from "../thermal/actuator.js";

export type HeatOrder =
  | { readonly mode: "run"; readonly idle: number | undefined }
  | { readonly mode: "cool" | "stop"; readonly cause: HeatCause };

export interface LoopActuator extends Actuator {
  /** What the loop is to do now. */
  readonly order: HeatOrder;
  /**
   * Says that the loop is at rest, and waits until heat wants something else, or `signal`.
   * @returns whether the cool-down has become one for the critical temperature
   */
  rest(signal: AbortSignal): Promise<{ readonly worse: boolean }>;
}

export function createLoopActuator(): LoopActuator {
  let order: HeatOrder = { mode: "run", idle: undefined };
  /** Whether the newest cool-down was for the critical temperature in the end. */
  let severe = false;
  let atRest = (): void => undefined;
  let changed = (): void => undefined;
  const become = (next: HeatOrder): void => {
    order = next;
    changed();
  };
  return {
    get order() {
      return order;
    },
    pace: (idle) => become({ mode: "run", idle }),
    pause(signal, cause) {
      ({ severe } = cause);
      become({ mode: "cool", cause });
      return new Promise((resolve) => {
        atRest = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    },
    resume(cause) {
      ({ severe } = cause);
      become({ mode: "run", idle: undefined });
    },
    stop: (cause) => become({ mode: "stop", cause }),
    async rest(signal) {
      const before = severe;
      atRest();
      const wake = (): void => changed();
      signal.addEventListener("abort", wake);
      while (order.mode === "cool" && !signal.aborted) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
      signal.removeEventListener("abort", wake);
      return { worse: order.mode === "run" && severe && !before };
    },
  };
}
