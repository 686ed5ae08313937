/**
 * The store behind a thread of its own, so that saving never makes training wait: hashing, writing, fsync and reading back
 * happen there. Nothing interrupts a save that has begun; `close` waits for it.
 */
import { Worker } from "node:worker_threads";
import { unpackError, type ErrorMessage } from "../base/errors.js";
import { workerEntry } from "../base/worker-entry.js";
import type { Checkpoint } from "./checkpoint.js";
import type { Opening } from "./recover.js";
import type { SaveReport } from "./save.js";
import type { StoreOptions } from "./store.js";

/** To the thread. */
export type WriterRequest =
  | { readonly type: "save"; readonly id: number; readonly checkpoint: Checkpoint }
  | { readonly type: "close" };

/** From the thread. */
export type WriterReply =
  | { readonly type: "opened"; readonly opening: Opening }
  | { readonly type: "not-opened"; readonly error: ErrorMessage }
  | { readonly type: "progress"; readonly id: number; readonly share: number }
  | { readonly type: "saved"; readonly id: number; readonly report: SaveReport }
  | { readonly type: "not-saved"; readonly id: number; readonly error: ErrorMessage };

export interface Writer {
  /** What opening found and mended. */
  readonly opening: Opening;
  /**
   * Saves as Store.save does; several calls are done one after the other.
   * @param transfer buffers of the checkpoint's arrays that are handed over without a copy and are empty here afterwards;
   *   arrays over other buffers are copied before this returns
   */
  save(
    checkpoint: Checkpoint,
    transfer: readonly ArrayBuffer[],
    onProgress?: (share: number) => void,
  ): Promise<SaveReport>;
  /** Waits for saves under way, lets others write, and ends the thread. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (report: SaveReport) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((share: number) => void) | undefined;
}

/** Opens the store in a new thread. Throws as openStore does. */
export async function startWriter(options: StoreOptions): Promise<Writer> {
  const worker = new Worker(workerEntry(import.meta.url, "./writer-worker.js"), { workerData: options });
  const waiting = new Map<number, Waiting>();
  let ended: Error | undefined;
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const opening = await new Promise<Opening>((resolve, reject) => {
    const end = (error: Error) => {
      ended = error;
      reject(error);
      for (const save of waiting.values()) save.reject(error);
      waiting.clear();
    };
    worker.on("error", end);
    worker.on("exit", (code) => end(new Error(`the writer's thread ended (${code})`)));
    worker.on("message", (reply: WriterReply) => {
      if (reply.type === "opened") resolve(reply.opening);
      else if (reply.type === "not-opened") end(unpackError(reply.error));
      else receive(reply, waiting);
    });
  });

  let next = 0;
  return {
    opening,
    save(checkpoint, transfer, onProgress) {
      if (ended !== undefined) return Promise.reject(ended);
      const id = next++;
      const request: WriterRequest = { type: "save", id, checkpoint };
      worker.postMessage(request, [...new Set(transfer)]);
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject, onProgress }));
    },
    async close() {
      if (ended === undefined) worker.postMessage({ type: "close" } satisfies WriterRequest);
      await exited;
    },
  };
}

function receive(
  reply: Exclude<WriterReply, { type: "opened" | "not-opened" }>,
  waiting: Map<number, Waiting>,
): void {
  const save = waiting.get(reply.id);
  if (reply.type === "progress") return save?.onProgress?.(reply.share);
  waiting.delete(reply.id);
  if (reply.type === "saved") save?.resolve(reply.report);
  else save?.reject(unpackError(reply.error));
}
