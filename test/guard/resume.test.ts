/** `guardapesos run --recipe ...` with a real PyTorch: a script that crashes goes on from its newest whole checkpoint. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { program } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";

const python = process.env["GUARDAPESOS_PYTHON"] ?? "/usr/bin/python3";
const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;

/** Two networks that are saved after every second batch, and an exception after the third of the first start. */
const script = `
import os, sys, torch
LOAD_MODEL = False
CHECKPOINT_GEN = "g_v11.pth"
CHECKPOINT_CRITIC = "c_v11.pth"
START_TRAIN_AT_IMG_SIZE = 4
gen, critic = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
optimizers = [torch.optim.Adam(gen.parameters()), torch.optim.Adam(critic.parameters())]
done = 0
if LOAD_MODEL:
    saved = torch.load(CHECKPOINT_GEN)
    gen.load_state_dict(saved["state_dict"])
    critic.load_state_dict(torch.load(CHECKPOINT_CRITIC)["state_dict"])
    done = int(saved["done"])
print("begins at", done, START_TRAIN_AT_IMG_SIZE, os.path.basename(CHECKPOINT_GEN), sys.argv[1:], flush=True)
for batch in torch.utils.data.DataLoader(torch.rand(6, 3, 16, 16), batch_size=2):
    for network, optimizer in zip((gen, critic), optimizers):
        optimizer.zero_grad()
        network(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    done += 1
    if done % 2 == 0:
        torch.save({"state_dict": gen.state_dict(), "done": torch.tensor(done)}, "generator_DRUSEN_local.pth")
        torch.save({"state_dict": critic.state_dict()}, "critic_DRUSEN_local.pth")
    if done == 3 and not LOAD_MODEL:
        raise ValueError("the third batch")
print("ends at", done)
`;

describe.skipIf(!hasTorch)("a script with a recipe", { timeout: 180_000 }, () => {
  it("is started again after a crash, from verified copies, at the last resolution", async () => {
    const folder = await testFolder();
    await writeFile(join(folder, "train.py"), script);
    const options = [
      "--recipe",
      "progan-local",
      "--restart",
      "1",
      "--resume-args",
      '--from "{dir}"',
      "--json",
    ];
    const words = [program, "run", ...options, "--", python, "train.py"];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, words, { cwd: folder });
    const copies = join(folder, "weights", "guardapesos", "resume");
    expect(stdout.trimEnd().split("\n")).toEqual([
      "begins at 0 4 g_v11.pth []",
      `begins at 2 16 generator_DRUSEN_local.pth ['--from', '${copies}']`,
      "ends at 5",
    ]);
    expect(existsSync(copies)).toBe(false);
    const lines = stderr.split("\n").filter((line) => line.startsWith("{"));
    const of = (type: string) =>
      lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => line["type"] === type);
    expect(of("crash")).toMatchObject([
      { cause: { kind: "exception", type: "ValueError", text: "the third batch" } },
    ]);
    const [first] = of("checkpoint-kept");
    const [restart] = of("restarting");
    expect(restart).toMatchObject({
      restart: 1,
      most: 1,
      waitSeconds: 10,
      cause: "crash",
      from: first!["id"],
    });
    expect(restart!["notRestored"]).toContain("alpha");
    expect(restart!["notRestored"]).not.toContain("resolution");
    expect(of("ended")).toMatchObject([{ how: "finished" }]);

    // A run of its own goes on from there, too.
    const next = await promisify(execFile)(
      process.execPath,
      [program, "run", "--recipe", "progan-local", "--json", "--", python, "train.py"],
      { cwd: folder },
    );
    expect(next.stdout).toContain("begins at 4 16 generator_DRUSEN_local.pth []\n");
  });
});
