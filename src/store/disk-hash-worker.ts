/** The thread of disk-hash.ts. It imports next to nothing, so that it is at work at once. */
import { createHash } from "node:crypto";
import { closeSync, readSync } from "node:fs";
import { openRegularSync } from "../base/regular-file.js";
import { answerCalls } from "../base/worker-calls.js";

const block = Buffer.allocUnsafeSlow(2 ** 20);

const calls = {
  // eslint-disable-next-line @typescript-eslint/require-await -- this thread has nothing else to do
  sha256: async (path: string) => {
    const hash = createHash("sha256");
    const file = openRegularSync(path);
    try {
      for (let bytes; (bytes = readSync(file, block)) > 0;) hash.update(block.subarray(0, bytes));
    } finally {
      closeSync(file);
    }
    return hash.digest("hex");
  },
};

export type HashCalls = typeof calls;

answerCalls(calls);
