/** SHA-256 of a file in a thread of its own, so that this one can read what is in it meanwhile. */
import { Worker } from "node:worker_threads";
import { callWorker } from "../base/worker-calls.js";
import { workerEntry } from "../base/worker-entry.js";
import type { HashCalls } from "./disk-hash-worker.js";
import { nodeDisk } from "./disk.js";
import { hashFile } from "./hash-file.js";

/** Hexadecimal. Throws as Node does when the file cannot be read. */
export async function hashInThread(path: string): Promise<string> {
  const thread = callWorker<HashCalls>(new Worker(workerEntry(import.meta.url, "./disk-hash-worker.js")));
  try {
    return await thread.call("sha256", path);
  } catch {
    // No thread, or no file: here it is either done or said what is wrong.
    return await hashFile(nodeDisk, path);
  } finally {
    await thread.end();
  }
}
