/** What a run opens is closed on every exit, also on those that come before it trains. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { generationsIn } from "../../test/harness/state.js";
import { trainHere } from "../../test/harness/training.js";
import type { RunEvent } from "../events/event.js";
import { defaultThresholds } from "../thermal/thresholds.js";
import { createStop } from "./stop.js";

const hooks = vi.hoisted(() => ({
  /** What was opened and closed, in this order. */
  log: [] as string[],
  beforeWriter: (): Promise<void> => Promise.resolve(),
  outlive: (): Promise<void> => Promise.resolve(),
  startEngine: (): Promise<void> => Promise.resolve(),
  closeEngine: (): Promise<void> => Promise.resolve(),
}));
vi.mock("../progan/phantom.js", async (original) => {
  const real = await original<typeof import("../progan/phantom.js")>();
  const openPhantoms: typeof real.openPhantoms = (options) => {
    const source = real.openPhantoms(options);
    hooks.log.push("images opened");
    return {
      ...source,
      releaseDisk() {
        hooks.log.push("images closed");
        return source.releaseDisk();
      },
    };
  };
  return { ...real, openPhantoms };
});
vi.mock("../thermal/sensors/open.js", async (original) => {
  const real = await original<typeof import("../thermal/sensors/open.js")>();
  const openSensor: typeof real.openSensor = (...given) => {
    hooks.log.push("sensor opened");
    return real.openSensor(...given);
  };
  return { ...real, openSensor };
});
vi.mock("../checkpoint/index.js", async (original) => {
  const real = await original<typeof import("../checkpoint/index.js")>();
  const startWriter: typeof real.startWriter = async (...given) => {
    await hooks.beforeWriter();
    const writer = await real.startWriter(...given);
    hooks.log.push("folder opened");
    return {
      ...writer,
      async close() {
        await writer.close();
        hooks.log.push("folder closed");
      },
    };
  };
  return { ...real, startWriter };
});
vi.mock("./outlive.js", async (original) => {
  const real = await original<typeof import("./outlive.js")>();
  const outlive: typeof real.outlive = async (...given) => {
    await hooks.outlive();
    return real.outlive(...given);
  };
  return { ...real, outlive };
});
vi.mock("./engine.js", async (original) => {
  const real = await original<typeof import("./engine.js")>();
  const startEngine: typeof real.startEngine = async (...given) => {
    await hooks.startEngine();
    const engine = await real.startEngine(...given);
    return Object.defineProperties({} as typeof engine, {
      ...Object.getOwnPropertyDescriptors(engine),
      close: { value: () => hooks.closeEngine().then(() => engine.close()) },
    });
  };
  return { ...real, startEngine };
});

beforeEach(() => {
  hooks.log.length = 0;
  hooks.beforeWriter = () => Promise.resolve();
  hooks.outlive = () => Promise.resolve();
  hooks.startEngine = () => Promise.resolve();
  hooks.closeEngine = () => Promise.resolve();
});

const heat = {
  sensor: { kind: "model", ambient: 20 },
  thresholds: defaultThresholds,
  timeScale: 1,
} as const;

describe("a run", { timeout: 60_000 }, () => {
  it("closes images and folder when something fails before it trains", async () => {
    const folder = await testFolder();
    hooks.outlive = () => Promise.reject(new Error("no memory"));
    await expect(trainHere(folder, { maxBatches: 1, heat })).rejects.toThrow("no memory");
    expect(hooks.log).toEqual([
      "images opened",
      "sensor opened",
      "folder opened",
      "folder closed",
      "images closed",
    ]);
    hooks.outlive = () => Promise.resolve();
    expect((await trainHere(folder, { maxBatches: 1 })).ended.how).toBe("limit");
  });

  it("closes them when its engine does not start, and tells the end", async () => {
    const folder = await testFolder();
    hooks.startEngine = () => Promise.reject(new Error("no thread"));
    const told: string[] = [];
    const training = trainHere(folder, { maxBatches: 1, onEvent: ({ type }) => told.push(type) });
    await expect(training).rejects.toThrow("no thread");
    expect(told.at(-1)).toBe("ended");
    expect(hooks.log.slice(-2)).toEqual(["folder closed", "images closed"]);
  });

  it("tells nothing after its end, however long its engine takes to close and whatever its sensor reads", async () => {
    const folder = await testFolder();
    // Long enough for several readings.
    hooks.closeEngine = () => new Promise((resolve) => setTimeout(resolve, 500));
    const told: string[] = [];
    const onEvent = ({ type }: RunEvent): void => void told.push(type);
    await trainHere(folder, { maxBatches: 1, heat: { ...heat, timeScale: 1000 }, onEvent });
    expect(told).toContain("temperature");
    expect(told.at(-1)).toBe("ended");
  });

  it("that must open anew, as another has saved meanwhile, keeps nothing of the first try", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 1 });
    await trainHere(folder, { maxBatches: 2 });
    const [newest] = await generationsIn(weights);
    const hidden = join(folder, newest!.id);
    await rename(newest!.folder, hidden);
    hooks.log.length = 0;
    let tries = 0;
    hooks.beforeWriter = async () => {
      if (tries++ === 0) await rename(hidden, newest!.folder);
    };
    const { ended } = await trainHere(folder, { maxBatches: 3, heat });
    expect(ended.position?.batches).toBe(3);
    // The sensor is the same one.
    expect(hooks.log).toEqual([
      "images opened",
      "sensor opened",
      "folder opened",
      "folder closed",
      "images closed",
      "images opened",
      "folder opened",
      "folder closed",
      "images closed",
    ]);
  });

  it("closes what has been opened when a stop comes meanwhile", async () => {
    const folder = await testFolder();
    const stop = createStop();
    hooks.beforeWriter = () => {
      stop.request("SIGINT");
      return Promise.resolve();
    };
    const told: string[] = [];
    const onEvent = ({ type }: RunEvent): void => void told.push(type);
    const { ended } = await trainHere(folder, { heat, stop, onEvent });
    expect(ended).toMatchObject({ how: "stopped", position: undefined });
    expect(told).toEqual(["stop-requested", "ended"]);
    const closed = ["folder closed", "images closed"];
    await vi.waitFor(() => expect(hooks.log.slice(-2)).toEqual(closed), { timeout: 30_000 });
  });
});
