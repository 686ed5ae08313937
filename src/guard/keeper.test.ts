import { mkdir, readdir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hello } from "../../test/harness/agent.js";
import { testFolder } from "../../test/harness/folder.js";
import type { RunEvent, RunEventOf } from "../events/event.js";
import { keepersIn, listEvery, verifyGeneration } from "../checkpoint/index.js";
import { guardedFolder, listGenerations, siteOf } from "../store/index.js";
import { dict, float32Tensor, writeTorchFile } from "../torch/index.js";
import { createAgents } from "./agents.js";
import { openGuardedFolder } from "./guarded-folder.js";
import { intoStore } from "./into-store.js";
import { createKeeper } from "./keeper.js";
import type { AgentMessage } from "./protocol.js";
import { createStage } from "./stage.js";

/** A keeper over a real store, and a process that tells it of saves. */
async function keeperIn(folder: string) {
  const weights = join(folder, "weights");
  const opened = await openGuardedFolder(weights, "train.py");
  const events: RunEvent[] = [];
  const agents = createAgents(() => 0);
  const stageFolder = join(opened.path, "snapshots");
  await mkdir(stageFolder, { recursive: true });
  const keep = intoStore(opened.store, "train.py", ["python", "train.py"]);
  const emit = (event: RunEvent): void => void events.push(event);
  const keeper = createKeeper({ agents, stage: createStage(stageFolder), keep, emit, now: () => 0 });
  const connection = { hello, send: () => undefined };
  agents.listener.connected(connection);
  const tell = (message: AgentMessage): void => agents.listener.message(connection, message);
  return {
    tell,
    saved: (path: string, steps: number, atomic = true) =>
      tell({
        t: "saved",
        save: steps,
        path,
        format: "torch",
        bytes: 1,
        steps,
        batches: steps,
        atomic,
        sibling: undefined,
        seconds: 0,
      } as AgentMessage),
    eventsOf: <T extends RunEvent["type"]>(type: T) =>
      events.filter((event): event is RunEventOf<T> => event.type === type),
    async end() {
      agents.listener.closed(connection);
      await keeper.flush(true);
      keeper.close();
      await opened.release();
      return listGenerations(siteOf(weights, { folder: guardedFolder }));
    },
    flush: () => keeper.flush(false),
    keeper,
    stageFolder,
  };
}

/** A file in the page's form: weights, and an optimizer that has made so many steps. */
async function network(path: string, weights: readonly number[], step: number): Promise<string> {
  const weight = float32Tensor([weights.length], new Float32Array(weights));
  const state = dict([[0, dict({ step: float32Tensor([], new Float32Array([step])) })]] as never);
  const optimizer = dict({ state, param_groups: [dict({ lr: 0.001, params: [0] })] });
  await writeTorchFile(`${path}.tmp`, dict({ state_dict: dict({ weight }), optimizer }));
  // As torch.save under the agent does it: another file in its place.
  await rename(`${path}.tmp`, path);
  return path;
}

describe("the keeper", () => {
  it("keeps what belongs together as one generation, as it was when it was saved", async () => {
    const folder = await testFolder();
    const guarded = await keeperIn(folder);
    const [g, c] = [join(folder, "generator.pth"), join(folder, "critic.pth")];
    await network(g, [1, 2], 1);
    guarded.saved(g, 8);
    await network(c, [3], 1);
    guarded.saved(c, 8);
    const [first, second] = [await readFile(g), await readFile(c)];
    guarded.tell({ t: "beat", batches: 9, steps: 9, batchSeconds: 1, phase: "train", paused: false });
    await guarded.flush();
    const { whole, damaged } = await guarded.end();
    expect(damaged).toEqual([]);
    expect(whole).toHaveLength(1);
    // As `list` and `verify` see it.
    const every = await listEvery(await keepersIn(join(folder, "weights")));
    expect(every.whole).toMatchObject([{ id: whole[0]!.id, series: { name: "train.py" } }]);
    expect(await verifyGeneration(every.whole[0]!, { deep: true })).toMatchObject({
      whole: true,
      damages: [],
    });
    expect(whole[0]!.files.map(({ name }) => name)).toEqual(["generator.pth", "critic.pth"]);
    const bytes = await Promise.all(
      whole[0]!.files.map(({ name }) => readFile(join(whole[0]!.folder, name))),
    );
    expect(bytes.map((one, i) => one.equals([first, second][i]!))).toEqual([true, true]);
    expect(whole[0]!.metadata).toMatchObject({ guarded: { steps: 8, files: [{ path: g }, { path: c }] } });
    expect(guarded.eventsOf("checkpoint-kept")).toHaveLength(1);
    expect(guarded.eventsOf("checkpoint-doubtful")).toEqual([]);
  });

  it("does not keep what is not whole, and says so at once", async () => {
    const folder = await testFolder();
    const guarded = await keeperIn(folder);
    const path = await network(join(folder, "model.pt"), [1, 2, 3], 1);
    const bytes = await readFile(path);
    await truncate(path, bytes.length - 30);
    guarded.saved(path, 1);
    const { whole } = await guarded.end();
    expect(whole).toEqual([]);
    expect(guarded.eventsOf("checkpoint-doubtful")).toMatchObject([{ doubt: { kind: "not-whole" } }]);
    expect(guarded.keeper.failed()).toBe(true);
  });

  it("finds one flipped bit of a weight, which torch.load takes for right", async () => {
    const folder = await testFolder();
    const guarded = await keeperIn(folder);
    const path = await network(join(folder, "model.pt"), [1.5, 2.5, 3.5], 1);
    const bytes = await readFile(path);
    const at = bytes.indexOf(Buffer.from(new Float32Array([2.5]).buffer));
    bytes[at]! ^= 1;
    await writeFile(path, bytes);
    guarded.saved(path, 1);
    await guarded.end();
    expect(guarded.eventsOf("checkpoint-doubtful")).toMatchObject([{ doubt: { kind: "not-whole" } }]);
  });

  it("counts what is not a number, and notices weights that stay while the optimizer steps", async () => {
    const folder = await testFolder();
    const guarded = await keeperIn(folder);
    const path = join(folder, "model.pt");
    for (const [i, weights] of [
      [1, 2],
      [1, 2],
      [1, NaN],
    ].entries()) {
      await network(path, weights, i + 1);
      guarded.saved(path, 10 * (i + 1));
      guarded.tell({
        t: "beat",
        batches: 0,
        steps: 10 * (i + 1) + 1,
        batchSeconds: 1,
        phase: "train",
        paused: false,
      });
      await guarded.flush();
    }
    const { whole } = await guarded.end();
    expect(whole.length).toBeGreaterThan(1);
    expect(guarded.eventsOf("checkpoint-kept")).toHaveLength(3);
    expect(guarded.eventsOf("checkpoint-doubtful").map(({ doubt }) => doubt)).toMatchObject([
      { kind: "unchanged", steps: 10 },
      { kind: "not-finite", values: 1 },
    ]);
  });

  it("keeps the newest when the script saves faster than that, and leaves nothing behind", async () => {
    const folder = await testFolder();
    const guarded = await keeperIn(folder);
    const path = join(folder, "model.pt");
    let last = Buffer.alloc(0);
    for (let step = 1; step <= 30; step++) {
      await network(path, [step], step);
      guarded.saved(path, step);
      last = await readFile(path);
    }
    const { whole } = await guarded.end();
    const kept = await readFile(join(whole[0]!.folder, whole[0]!.files[0]!.name));
    expect(kept.equals(last)).toBe(true);
    expect(guarded.eventsOf("save-failed")).toEqual([]);
    expect(await readdir(guarded.stageFolder)).toEqual([]);
  });
});
