import { describe, expect, it } from "vitest";
import { exitOf, signalOf, type ExitFacts } from "./exit.js";

const own = { end: { code: 0, signal: undefined }, cause: undefined, delivered: false, saveFailed: false };
const exit = (facts: Partial<ExitFacts>) => exitOf({ ...own, ...facts });

describe("the exit code of run", () => {
  it("is the command's own while nobody asks for anything", () => {
    expect(exit({})).toEqual({ code: 0, of: "script" });
    expect(exit({ end: { code: 3, signal: undefined } })).toEqual({ code: 3, of: "script" });
    expect(exit({ end: { code: undefined, signal: "SIGKILL" } })).toEqual({ code: 137, of: "script" });
    expect(exit({ end: { code: undefined, signal: "SIGSEGV" } })).toEqual({ code: 139, of: "script" });
    expect(exit({ end: { code: 1, signal: undefined }, saveFailed: true }).code).toBe(1);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["stop", 143],
    ["SIGHUP", 129],
    ["parent", 129],
    ["SIGBREAK", 149],
    ["time", 0],
    ["heat", 75],
  ] as const)("is that of %s whatever its handler ends with", (cause, code) => {
    for (const end of [
      { code: 0, signal: undefined },
      { code: 1, signal: undefined },
      { code: undefined, signal: "SIGINT" },
    ] as const) {
      expect(exit({ cause, delivered: true, end })).toEqual({ code, of: "guardapesos" });
      expect(exit({ cause, delivered: true, end, saveFailed: true }).code).toBe(74);
    }
  });

  it("is its own when it ended before the interrupt reached it, or was killed by somebody", () => {
    expect(exit({ cause: "SIGINT", end: { code: 2, signal: undefined } })).toEqual({ code: 2, of: "script" });
    const killed = exit({ cause: "SIGINT", delivered: true, end: { code: undefined, signal: "SIGKILL" } });
    expect(killed).toEqual({ code: 137, of: "script" });
  });

  it("lets the script see the signal that came, as far as scripts know it", () => {
    const seen = (["SIGINT", "SIGBREAK", "time", "heat", "SIGTERM", "stop", "SIGHUP", "parent"] as const).map(
      signalOf,
    );
    expect(seen.join(" ")).toBe("SIGINT SIGINT SIGINT SIGINT SIGTERM SIGTERM SIGHUP SIGHUP");
  });
});
