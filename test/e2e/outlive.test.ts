/** What a training has computed outlives its process: killed by force between two saves, it loses next to nothing. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rename, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  batchesDone,
  call,
  endOf,
  errorOf,
  eventsOf,
  start,
  tiny,
  train,
  type Ended,
  type Settings,
} from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { writeImages } from "../harness/images.js";
import { stateAt } from "../harness/state.js";

/** 40 batches at 16x16, of which nothing is saved before the end. */
const plan: Settings = {
  ...tiny,
  channels: "32",
  start: "16",
  end: "16",
  phantoms: 160,
  epochs: 2,
  autosave: 1_000_000,
};

/** A folder to train in, and one for what is kept in memory. */
async function place() {
  const [folder, memory] = [await testFolder(), await testFolder()];
  const run = (settings: Settings = plan) =>
    start(folder, train(settings), { environment: { GUARDAPESOS_MIRROR: memory } });
  const inMemory = (): string[] => readdirSync(memory).map((name) => name.replace(/.*\./, "."));
  /** The step of the copy that is there; undefined while none is. */
  const copied = (): number | undefined => {
    const name = readdirSync(memory).find((one) => one.endsWith(".json"));
    if (name === undefined) return undefined;
    try {
      return (JSON.parse(readFileSync(join(memory, name), "utf8")) as { step: number }).step;
    } catch {
      return undefined; // it has just gone, to make room for the next
    }
  };
  return { folder, memory, run, inMemory, copied, weights: join(folder, "weights") };
}
type Place = Awaited<ReturnType<typeof place>>;

/** Trains, and kills by force once there is a copy of so many steps. @returns the steps of that copy */
async function killed({ run, copied }: Place, steps: number, settings?: Settings): Promise<number> {
  const running = run(settings);
  for (let next = steps; ; next++) {
    await running.when(batchesDone(next));
    // Held, so that it is not just making the next copy.
    running.signal("SIGSTOP");
    const found = copied();
    if (found !== undefined && found >= steps) {
      running.signal("SIGKILL");
      expect((await running.ended).killedBy).toBe("SIGKILL");
      return found;
    }
    running.signal("SIGCONT");
  }
}

const takenUp = (ended: Ended): boolean =>
  eventsOf(ended, "warning").some(({ code }) => code === "STATE_TAKEN_UP");

describe("a training that is killed by force", { timeout: 300_000 }, () => {
  it("goes on from what was in memory, and ends as an undisturbed one", async () => {
    const undisturbed = await testFolder();
    expect(endOf(await call(undisturbed, train(plan)))).toMatchObject({ how: "finished" });

    const there = await place();
    const first = await killed(there, 5);
    const second = await killed(there, first + 3);
    const last = await there.run().ended;
    expect(takenUp(last)).toBe(true);
    const [resumed] = eventsOf(last, "resumed");
    expect(resumed).toMatchObject({ kind: "emergency", position: { batches: second } });
    expect(endOf(last)).toMatchObject({ how: "finished", batchesLost: 0 });
    expect(await stateAt(there.weights)).toEqual(await stateAt(join(undisturbed, "weights")));
    expect(there.inMemory()).toEqual([]);
  });

  it("on images goes on with them when nothing but train is said, though nothing had ever been saved", async () => {
    const there = await place();
    const images = join(there.folder, "scans", "CNV");
    await writeImages(images, 160);
    const { phantoms: _, ...settings } = plan;
    const onImages = { ...there, run: () => there.run({ ...settings, data: "scans", class: "CNV" }) };
    const step = await killed(onImages, 3);
    const last = await there.run({ "max-batches": step + 1 }).ended;
    expect(takenUp(last)).toBe(true);
    expect(eventsOf(last, "run-started")[0]).toMatchObject({ data: images, label: "CNV" });
    expect(eventsOf(last, "resumed")[0]).toMatchObject({ position: { batches: step } });
    expect(there.inMemory()).toEqual([]);
  });

  it("leaves nothing in memory when it ends otherwise, by itself or by Ctrl+C", async () => {
    const there = await place();
    const running = there.run();
    await running.when(batchesDone(10));
    running.signal("SIGINT");
    expect(endOf(await running.ended)).toMatchObject({ how: "stopped", batchesLost: 0 });
    expect(there.inMemory()).toEqual([]);
    const last = await there.run().ended;
    expect([endOf(last).how, takenUp(last)]).toEqual(["finished", false]);
    expect(there.inMemory()).toEqual([]);
  });

  it("begins anew when what it left is damaged, belongs to a folder that is gone, or is not wanted", async () => {
    const damaged = await place();
    await killed(damaged, 5);
    const [arrays] = readdirSync(damaged.memory).filter((name) => name.endsWith(".arrays"));
    await truncate(join(damaged.memory, arrays!), 1000);
    const gone = await place();
    await killed(gone, 5);
    await rename(gone.weights, join(gone.folder, "elsewhere"));
    for (const there of [damaged, gone]) {
      const again = await there.run({ ...plan, "max-batches": 1 }).ended;
      expect([takenUp(again), eventsOf(again, "resumed").length]).toEqual([false, 0]);
      expect(endOf(again)).toMatchObject({ how: "limit", batchesLost: 0 });
    }

    const fresh = await place();
    await killed(fresh, 5);
    const again = await fresh.run({ ...plan, fresh: true, "max-batches": 1 }).ended;
    // It is not thrown away, either: it is a checkpoint now, and training begins beside it.
    expect([takenUp(again), eventsOf(again, "resumed").length]).toEqual([true, 0]);
  });

  it("whose folder is gone for a while finds what it left, whatever trains meanwhile", async () => {
    const gone = await place();
    const steps = await killed(gone, 5);
    const elsewhere = join(gone.folder, "elsewhere");
    await rename(gone.weights, elsewhere);
    const environment = { GUARDAPESOS_MIRROR: gone.memory };
    const once = { ...plan, "max-batches": 1 };
    // In another folder, and in a new one at the same path, as where a disk is not mounted.
    for (const folder of [await testFolder(), gone.folder]) {
      const ended = await start(folder, train(once), { environment }).ended;
      expect(takenUp(ended)).toBe(false);
      expect(gone.inMemory().sort()).toEqual([".arrays", ".json"]);
    }
    await rename(gone.weights, join(gone.folder, "meanwhile"));
    await rename(elsewhere, gone.weights);
    const last = await gone.run(once).ended;
    expect(takenUp(last)).toBe(true);
    expect(eventsOf(last, "resumed")).toMatchObject([{ position: { batches: steps } }]);
    expect(gone.inMemory()).toEqual([]);
  });

  it("loses nothing when it had begun anew beside older checkpoints, and saved nothing yet", async () => {
    const there = await place();
    await there.run({ ...plan, "max-batches": 12 }).ended;
    const steps = await killed(there, 5, { ...plan, fresh: true });
    const last = await there.run({ ...plan, "max-batches": 1 }).ended;
    expect(takenUp(last)).toBe(true);
    expect(eventsOf(last, "resumed")).toMatchObject([{ position: { batches: steps } }]);
  });

  it("has what it left saved before a restore makes something else the newest", async () => {
    const there = await place();
    await there.run({ ...plan, "max-batches": 2 }).ended;
    const steps = await killed(there, 5);
    const environment = { GUARDAPESOS_MIRROR: there.memory };
    const [old] = readdirSync(join(there.weights, "checkpoints")).filter((name) => /^\d/.test(name));
    const restored = await start(there.folder, ["restore", old!, "--json"], { environment }).ended;
    expect([restored.code, takenUp(restored), there.inMemory()]).toEqual([0, true, []]);
    const last = await there.run({ ...plan, "max-batches": 1 }).ended;
    expect(takenUp(last)).toBe(false);
    expect(eventsOf(last, "resumed")).toMatchObject([{ position: { batches: 2 } }]);
    const ids = readdirSync(join(there.weights, "checkpoints"));
    expect(ids.some((id) => id.startsWith(`${String(steps).padStart(8, "0")}-emergency`))).toBe(true);
  });

  it("keeps what it left from a second training while it lives", async () => {
    const there = await place();
    const running = there.run({ ...plan, epochs: 20 });
    for (let next = 1; !there.inMemory().includes(".json"); next++) await running.when(batchesDone(next));
    const second = await there.run().ended;
    expect(errorOf(second)?.code).toBe("WEIGHTS_IN_USE");
    expect(there.inMemory()).toContain(".arrays");
    running.signal("SIGINT");
    expect(endOf(await running.ended)).toMatchObject({ how: "stopped", batchesLost: 0 });
    expect(existsSync(there.weights)).toBe(true);
  });
});
