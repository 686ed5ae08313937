import { describe, expect, it } from "vitest";
import { createScope, inScope } from "./scope.js";

describe("a scope", () => {
  it("closes what it owns, the newest first, each once", async () => {
    const closed: string[] = [];
    const result = await inScope((scope) => {
      for (const name of ["file", "thread"]) scope.own(name, (one) => void closed.push(one));
      return Promise.resolve(7);
    });
    expect(result).toBe(7);
    expect(closed).toEqual(["thread", "file"]);
  });

  it("waits for one close before it begins the next", async () => {
    const told: string[] = [];
    const slowly = async (name: string): Promise<void> => {
      told.push(`${name} closes`);
      await new Promise((resolve) => setImmediate(resolve));
      told.push(`${name} is closed`);
    };
    const scope = createScope();
    scope.own("a", slowly);
    scope.own("b", slowly);
    await scope.close();
    expect(told).toEqual(["b closes", "b is closed", "a closes", "a is closed"]);
  });

  it("closes all when the work fails, and when closes fail, and throws what failed first", async () => {
    const closed: string[] = [];
    const failing = (work: () => Promise<void>) =>
      inScope(async (scope) => {
        scope.own("a", (one) => void closed.push(one));
        scope.own("b", () => Promise.reject(new Error("b does not close")));
        scope.own("c", () => {
          throw new Error("c does not close");
        });
        await work();
      });
    await expect(failing(() => Promise.reject(new Error("the work failed")))).rejects.toThrow(
      "the work failed",
    );
    await expect(failing(() => Promise.resolve())).rejects.toThrow("c does not close");
    expect(closed).toEqual(["a", "a"]);
  });

  it("closes at once what comes when it is closed", async () => {
    const closed: string[] = [];
    const scope = createScope();
    await scope.close();
    scope.own("late", (one) => void closed.push(one));
    expect(closed).toEqual(["late"]);
    await scope.close();
    expect(closed).toEqual(["late"]);
  });
});
