/** What a large file takes: next to nothing beyond its tensors to be written, and next to nothing to be opened. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("./measure.mjs", import.meta.url));

it("takes less than 32 MiB to write 100 MB and to open them, less than 64 to verify them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "torch-memory-"));
  try {
    for (const [step, most] of Object.entries({ write: 32, open: 32, verify: 64 })) {
      const out = execFileSync(process.execPath, [script, step, join(folder, "a.pth"), "100"], {
        encoding: "utf8",
      });
      const { grownMiB } = JSON.parse(out) as { grownMiB: number };
      expect(grownMiB, step).toBeLessThan(most);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
