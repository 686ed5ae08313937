/**
 * Calls to a worker thread: one message there, one answer back, in order. Errors keep their code; buffers that are
 * listed are handed over, not copied; a thread that dies fails every call that waits for it.
 */
import { parentPort, type MessagePort, type Worker } from "node:worker_threads";
import { packError, unpackError, type ErrorMessage } from "./errors.js";

/** What a thread can be asked: one argument, one answer. `any` only here: each user names its own calls. */
/* eslint-disable @typescript-eslint/no-explicit-any */
export type Calls = {
  readonly [Name in string]: (argument: any, tell: (progress: any) => void) => Promise<any>;
};
/* eslint-enable @typescript-eslint/no-explicit-any */

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Answer =
  | { readonly id: number; readonly kind: "progress"; readonly value: unknown }
  | { readonly id: number; readonly kind: "value"; readonly value: unknown }
  | { readonly id: number; readonly kind: "error"; readonly error: ErrorMessage };

/** An answer with what of it the answering thread gives away. */
export class HandOver<Value> {
  readonly value: Value;
  readonly given: readonly (ArrayBuffer | MessagePort)[];

  constructor(value: Value, given: readonly (ArrayBuffer | MessagePort)[]) {
    this.value = value;
    this.given = given;
  }
}

/** In the worker: answers calls, one after the other. */
export function answerCalls(calls: Calls): void {
  const port = parentPort!;
  const answer = (message: Answer, given: readonly (ArrayBuffer | MessagePort)[] = []): void =>
    port.postMessage(message, [...given]);
  let last: Promise<void> = Promise.resolve();
  port.on("message", ({ id, name, argument }: Call) => {
    last = last.then(async () => {
      try {
        const result: unknown = await calls[name]!(argument, (value: unknown) =>
          answer({ id, kind: "progress", value }),
        );
        if (result instanceof HandOver) answer({ id, kind: "value", value: result.value }, result.given);
        else answer({ id, kind: "value", value: result });
      } catch (error) {
        answer({ id, kind: "error", error: packError(error) });
      }
    });
  });
}

type Argument<C extends Calls, Name extends keyof C> = Parameters<C[Name]>[0];
type Received<Answered> = Answered extends HandOver<infer Value> ? Value : Answered;
type Result<C extends Calls, Name extends keyof C> = Received<Awaited<ReturnType<C[Name]>>>;

export interface Caller<C extends Calls> {
  /** @param given away with the argument, in which they are */
  call<Name extends keyof C & string>(
    name: Name,
    argument: Argument<C, Name>,
    given?: readonly (ArrayBuffer | MessagePort)[],
    onProgress?: (progress: never) => void,
  ): Promise<Result<C, Name>>;
  /** Whether a call waits for its answer. */
  readonly busy: boolean;
  /** Why no call is answered any more. */
  readonly dead: Error | undefined;
  /** Leaves the thread to itself, whatever it does: calls that wait, and all that come, fail with this. */
  abandon(error: Error): void;
  /**
   * Ends the thread; calls that wait for it fail. One that was abandoned is left to its work, and keeps no process alive:
   * a native library whose call returns into a thread that was told to end may abort the whole process.
   */
  end(): Promise<void>;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((progress: never) => void) | undefined;
}

/** In the thread that started the worker: makes calls. */
export function callWorker<C extends Calls>(worker: Worker): Caller<C> {
  const waiting = new Map<number, Waiting>();
  let calls = 0;
  let dead: Error | undefined;
  let abandoned = false;
  const die = (error: Error): void => {
    dead ??= error;
    for (const one of waiting.values()) one.reject(dead);
    waiting.clear();
  };
  worker.on("error", die);
  worker.on("exit", (code) => die(new Error(`the thread ended with code ${code}`)));
  worker.on("message", (answer: Answer) => {
    const one = waiting.get(answer.id);
    if (!one) return;
    if (answer.kind === "progress") {
      one.onProgress?.(answer.value as never);
      return;
    }
    waiting.delete(answer.id);
    if (answer.kind === "value") one.resolve(answer.value as never);
    else one.reject(unpackError(answer.error));
  });
  return {
    call(name, argument, given = [], onProgress) {
      return new Promise((resolve, reject) => {
        if (dead) {
          reject(dead);
          return;
        }
        const id = calls++;
        waiting.set(id, { resolve, reject, onProgress });
        worker.postMessage({ id, name, argument } satisfies Call, [...given]);
      });
    },
    get busy() {
      return waiting.size > 0;
    },
    get dead() {
      return dead;
    },
    abandon(error) {
      abandoned = true;
      die(error);
    },
    async end() {
      if (abandoned) worker.unref();
      else await worker.terminate();
    },
  };
}
