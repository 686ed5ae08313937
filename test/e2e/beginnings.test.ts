/** What a training begins from: nothing, the newest, or what was asked for; and what it refuses to begin from. */
import { copyFile, mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { batchesDone, call, endOf, errorOf, start, tiny, train } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { filesIn, generationsIn, stateAt, stateOf, type State } from "../harness/state.js";
import { trainHere } from "../harness/training.js";
import type { RunEventOf } from "../../src/events/event.js";
import type { Trained } from "../harness/training.js";
import { loadCheckpoint } from "../../src/checkpoint/index.js";
import { begin } from "../../src/training/resume.js";
import { toNetworks } from "../../src/training/train-state.js";

const gold =
  process.env["GUARDAPESOS_GOLD"] ?? fileURLToPath(new URL("../../../shared/gold", import.meta.url));
const goldPair = ["generator_rgb.pth", "critic_rgb.pth"];

const resumed = ({ events }: Trained): RunEventOf<"resumed"> => {
  const event = events.find(({ type }) => type === "resumed");
  if (event?.type !== "resumed") throw new Error("it began anew");
  return event;
};

const limit = { kind: "manual" } as const;

describe("a training", { timeout: 300_000 }, () => {
  it("with --fresh begins anew and leaves every older generation as it is; the next one goes on from the new", async () => {
    const folder = await testFolder();
    const first = await trainHere(folder, { maxBatches: 4 });
    const before = await filesIn(join(first.weights, "checkpoints"));
    const older = Object.keys(before).filter((path) => path.endsWith(".pth") || path.endsWith(".json"));

    const fresh = await trainHere(folder, { maxBatches: 2, fresh: true, overrides: { seed: 7 } });
    expect(fresh.events.some(({ type }) => type === "resumed")).toBe(false);
    expect(fresh.ended.position?.batches).toBe(2);
    const after = await filesIn(join(fresh.weights, "checkpoints"));
    for (const path of older) expect(after[path], path).toBe(before[path]);

    const [newest] = await generationsIn(fresh.weights);
    expect(newest).toMatchObject({ ...limit, step: 2 });
    const next = await trainHere(folder, { maxBatches: 3 });
    expect(resumed(next).id).toBe(newest!.id);
    // It goes on with the seed that it was begun with.
    expect((await generationsIn(next.weights))[0]!.progress["config"]).toMatchObject({ seed: 7 });
  });

  it("goes on from an id, from latest, and from an EMERGENCY file wherever it lies", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 2 });
    const [early] = await generationsIn(weights);
    const whole = await trainHere(folder, { maxBatches: 5 });
    const wanted = await stateAt(weights);

    // Again from the earlier one: the same batches, so the same weights.
    const again = await trainHere(folder, { maxBatches: 5, resume: early!.id });
    expect(resumed(again)).toMatchObject({ id: early!.id, position: { batches: 2 } });
    expect(await stateAt(weights)).toEqual(wanted);
    const saved = again.events.filter(({ type }) => type === "saved").length;
    expect((await generationsIn(weights))[saved - 1]!.parent).toBe(early!.id);

    const stopped = await trainHere(folder, {
      resume: "latest",
      onEvent: (event, stop) => {
        if (event.type === "stepped") stop.request("SIGINT");
      },
    });
    expect(resumed(stopped).position.batches).toBe(whole.ended.position!.batches);
    expect(stopped.ended).toMatchObject({ how: "stopped", position: { batches: 6 } });
    const atStop = await stateAt(weights);

    const [generator, critic] = stopped.ended.files;
    const byName = await trainHere(folder, { maxBatches: 6, resume: critic!.path });
    expect(resumed(byName)).toMatchObject({ kind: "emergency", position: { batches: 6 } });

    // On another machine there are the two files alone.
    const elsewhere = await testFolder();
    await mkdir(join(elsewhere, "usb"));
    for (const [i, { path }] of [generator!, critic!].entries())
      await copyFile(
        path,
        join(elsewhere, "usb", ["EMERGENCY_generator_1.pth", "EMERGENCY_critic_1.pth"][i]!),
      );
    const moved = await trainHere(elsewhere, {
      maxBatches: 7,
      resume: join(elsewhere, "usb", "EMERGENCY_generator_1.pth"),
    });
    expect(resumed(moved).position.batches).toBe(6);
    await trainHere(folder, { maxBatches: 7 });
    expect(await stateAt(moved.weights)).toEqual(await stateAt(weights));
    expect(await stateAt(moved.weights)).not.toEqual(atStop);
  });

  const missing = goldPair.find((name) => !existsSync(join(gold, "nets", name)));
  it.skipIf(missing !== undefined)(
    `goes on from a plain PyTorch pair, with its Adam state${missing === undefined ? "" : ` (skipped: no ${missing} in ${gold}/nets; set GUARDAPESOS_GOLD)`}`,
    async () => {
      const folder = await testFolder();
      for (const name of goldPair) await copyFile(join(gold, "nets", name), join(folder, name));
      const before = await filesIn(folder);
      const files = new Map(goldPair.map((name) => [name.split("_")[0]!, join(folder, name)]));
      const plain = await loadCheckpoint({ from: "plain", files });

      // What training begins with is what the files hold.
      const beginning = await begin(
        {
          preset: "demo",
          overrides: {},
          weights: join(folder, "weights"),
          fresh: false,
          resume: join(folder, goldPair[0]!),
        },
        { label: "DRUSEN", name: "local" },
        () => Promise.resolve(false),
      );
      expect(beginning.config).toMatchObject({ latent: 16, channels: 32, imageChannels: 3 });
      expect(beginning.place).toMatchObject({ step: 8, resolution: 32, alpha: 1 });
      expect(beginning.from).toMatchObject({ kind: "imported", hasOptimizer: true });
      const networks = toNetworks(beginning.state, beginning.config, 1e-3);
      expect(stateOf({ ...plain, networks })).toEqual(stateOf(plain));

      const settings = { preset: "demo", phantoms: 8, "batch-sizes": 8, device: "cpu", "max-batches": 9 };
      const ended = await call(folder, train({ ...settings, resume: goldPair[1]! }));
      expect(endOf(ended)).toMatchObject({ how: "limit", position: { step: 9, resolution: 32, alpha: 1 } });
      const after = await stateAt(join(folder, "weights"));
      const counters = (state: State, network: string) =>
        Object.entries(state).filter(([name]) => name.startsWith(network) && name.endsWith("adam step"));
      for (const network of ["generator", "critic"]) {
        const [old, now] = [new Map(counters(stateOf(plain), network)), counters(after, network)];
        const moved = now.filter(([name, count]) => count === Number(old.get(name) ?? 0) + 1);
        const still = now.filter(([name, count]) => count === old.get(name));
        // The layers of 4x4 to 32x32 have learnt; those that only 4x4 and 8x8 use as their own output have not.
        expect(moved.length).toBeGreaterThan(10);
        expect(still.length).toBeGreaterThan(0);
        expect(moved.length + still.length).toBe(now.length);
      }
      expect(await filesIn(folder)).toMatchObject(before);
    },
  );
});

describe("a training refuses", { timeout: 300_000 }, () => {
  it("a checkpoint of another architecture, names the sizes, and writes nothing", async () => {
    const folder = await testFolder();
    await trainHere(folder, { maxBatches: 1 });
    const before = await filesIn(folder);
    for (const resume of [{}, { resume: "latest" }]) {
      const ended = await call(folder, train({ ...tiny, channels: 16, latent: 8, ...resume }));
      expect(ended.code).toBe(65);
      expect(errorOf(ended)).toMatchObject({ code: "CHECKPOINT_ARCHITECTURE" });
      expect(errorOf(ended)!.message).toContain("channels: 8 ≠ 16");
      expect(errorOf(ended)!.message).not.toContain("latent");
    }
    expect(await filesIn(folder)).toEqual(before);
  });

  it("a weights folder that another training uses, and does not disturb it", async () => {
    const folder = await testFolder();
    const running = start(folder, train({ ...tiny, phantoms: 200, epochs: 500 }));
    await running.when(batchesDone(2));
    for (const fresh of [{}, { fresh: true } as const]) {
      const ended = await call(folder, train({ ...tiny, ...fresh }));
      expect(ended.code).toBe(75);
      expect(errorOf(ended)).toMatchObject({ code: "WEIGHTS_IN_USE" });
      expect(errorOf(ended)!.message).toContain(String(running.pid));
    }
    running.signal("SIGINT");
    expect(endOf(await running.ended)).toMatchObject({ how: "stopped", batchesLost: 0 });
    // And it is free again.
    const next = await call(folder, train({ ...tiny, "max-batches": 1 }));
    expect(endOf(next).how).toBe("limit");
  });

  it.each(["no-such-id.pth", "00000099-auto-20260101_000000"])(
    "to go on from %s, which is not there",
    async (reference) => {
      const folder = await testFolder();
      await expect(trainHere(folder, { resume: reference })).rejects.toMatchObject({
        code: "CHECKPOINT_NOT_FOUND",
      });
      expect(await filesIn(folder)).toEqual({});
    },
  );
});
