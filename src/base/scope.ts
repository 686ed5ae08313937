/** What a function opens, and closes on every exit: its last line, an error, an early return. */

export interface Scope {
  /** Makes the scope the owner of a thing. @returns the thing */
  own<Value>(value: Value, close: (value: Value) => unknown): Value;
  /**
   * Closes all that it owns, the newest first, each once; what comes later, too, for it closes it at once.
   * @throws what the first close threw that did; the others are closed all the same
   */
  close(): Promise<void>;
}

export function createScope(): Scope {
  const closers: (() => unknown)[] = [];
  let closed = false;
  const close = async (): Promise<void> => {
    closed = true;
    const failures: unknown[] = [];
    for (let closer; (closer = closers.pop());) {
      try {
        await closer();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  return {
    own(value, closer) {
      closers.push(() => closer(value));
      if (closed) void close().catch(() => undefined);
      return value;
    },
    close,
  };
}

/** Does work that opens things. What the work throws is thrown, whatever becomes of the closing. */
export async function inScope<Result>(work: (scope: Scope) => Promise<Result>): Promise<Result> {
  const scope = createScope();
  let result: Result;
  try {
    result = await work(scope);
  } catch (error) {
    await scope.close().catch(() => undefined);
    throw error;
  }
  await scope.close();
  return result;
}
