/** A training in mixed precision as a user has it: skipped updates are told, stopping is exact, and divergence ends it. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadCheckpoint } from "../../src/checkpoint/index.js";
import { fromJson } from "../../src/training/progress.js";
import { batchesDone, call, endOf, eventsOf, start, tiny, train, type Settings } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { generationsIn, stateAt } from "../harness/state.js";
import { trainHere } from "../harness/training.js";
import type { RunEvent } from "../../src/events/event.js";

const python = "/usr/bin/python3";
const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;

/** 20 batches at 4x4 and 20 at 8x8. */
const plan = { ...tiny, phantoms: 80, epochs: 2, precision: "mixed" } as const satisfies Settings;

const progressAt = async (weights: string) => {
  const [newest] = await generationsIn(weights);
  return fromJson((await loadCheckpoint({ from: "generation", generation: newest! })).progress)!;
};

describe("a training in mixed precision", { timeout: 300_000 }, () => {
  it.each([1, 2])(
    "in pieces ends as one at once, loss scales included (%i batches to a step)",
    async (accumulate) => {
      const settings = { ...plan, accumulate };
      const atOnce = await testFolder();
      const whole = await call(atOnce, train(settings));
      expect(endOf(whole)).toMatchObject({ how: "finished" });
      const skips = eventsOf(whole, "update-skipped");
      expect(skips.length).toBeGreaterThan(0);
      expect(eventsOf(whole, "warning").map(({ code }) => code)).toContain("HALF_IMITATED");

      const folder = await testFolder();
      const told: RunEvent[] = [];
      for (const count of [4, 24]) {
        const running = start(folder, train(settings));
        await running.when(batchesDone(count));
        running.signal("SIGINT");
        const ended = await running.ended;
        expect(endOf(ended)).toMatchObject({ how: "stopped", batchesLost: 0 });
        told.push(...eventsOf(ended, "update-skipped"));
      }
      // The precision is the checkpoint's, like everything else that is not said again.
      const { precision: _, ...rest } = settings;
      const last = await call(folder, train(rest));
      expect(endOf(last)).toMatchObject({ how: "finished" });
      told.push(...eventsOf(last, "update-skipped"));
      const bare = (events: readonly object[]) =>
        events.map((event) => ({ ...event, at: undefined, run: undefined, seq: undefined }));
      expect(bare(told)).toEqual(bare(skips));
      expect(eventsOf(last, "warning").map(({ code }) => code)).toEqual(["HALF_IMITATED"]);

      const [a, b] = [join(atOnce, "weights"), join(folder, "weights")];
      expect(await stateAt(b)).toEqual(await stateAt(a));
      const { scales } = await progressAt(b);
      const skipped = (network: string): number => skips.filter((event) => event.network === network).length;
      expect(scales).toMatchObject({
        generator: { skipped: skipped("generator") },
        critic: { skipped: skipped("critic") },
      });
    },
  );

  it.skipIf(!hasTorch)(
    "writes files that PyTorch reads, Adam's counters less the skipped updates",
    async () => {
      const folder = await testFolder();
      const ended = await call(folder, train({ ...plan, end: 4 }));
      expect(endOf(ended)).toMatchObject({ how: "finished" });
      const script = `import torch, sys
for path in sys.argv[1:]:
    file = torch.load(path)
    assert all(torch.isfinite(v).all() and v.dtype == torch.float32 for v in file["state_dict"].values())
    print(int(max(float(entry["step"]) for entry in file["optimizer"]["state"].values())))`;
      const files = ["generator", "critic"].map((name) =>
        join(folder, "weights", `${name}_DRUSEN_local.pth`),
      );
      const steps = execFileSync(python, ["-c", script, ...files], { encoding: "utf8" })
        .trim()
        .split("\n");
      const { scales, place } = await progressAt(join(folder, "weights"));
      expect(scales!.generator.skipped + scales!.critic.skipped).toBeGreaterThan(0);
      expect(steps.map(Number)).toEqual([
        place.step - scales!.generator.skipped,
        place.step - scales!.critic.skipped,
      ]);
    },
  );

  it("that diverges ends with good weights saved, from which float32 goes on", async () => {
    const folder = await testFolder();
    const told: RunEvent[] = [];
    const epochs = Array.from({ length: 9 }, () => 20);
    const diverging = { precision: "mixed", learningRate: 1e4, epochs } as const;
    const running = trainHere(folder, { overrides: diverging, onEvent: (event) => told.push(event) });
    await expect(running).rejects.toMatchObject({ code: "HALF_OVERFLOW" });
    const ended = told.find((event) => event.type === "ended");
    expect(ended).toMatchObject({ how: "failed", code: "HALF_OVERFLOW", batchesLost: 0 });
    const [newest] = await generationsIn(join(folder, "weights"));
    expect(newest).toMatchObject({ kind: "emergency", reason: "HALF_OVERFLOW", nonFinite: 0 });

    const { weights, events } = await trainHere(folder, {
      overrides: { precision: "float32", learningRate: 1e-3 },
      maxBatches: newest!.step + 1,
    });
    expect(events.filter(({ type }) => type === "update-skipped")).toEqual([]);
    const { scales, config } = await progressAt(weights);
    expect({ scales, precision: config.precision }).toEqual({ scales: undefined, precision: "float32" });
  });
});
