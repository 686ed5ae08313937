/**
 * The store behind a thread of its own, so that saving never makes training wait: hashing, writing, fsync and reading back
 * happen there. Nothing interrupts a save that has begun; `close` waits for it.
 */
import { Worker } from "node:worker_threads";
import { unpackError, type ErrorMessage } from "../base/errors.js";
import { workerEntry } from "../base/worker-entry.js";
import type { BackupOptions, BackupReport } from "./backup.js";
import type { Checkpoint } from "./checkpoint.js";
import type { Opening } from "./recover.js";
import type { SaveReport } from "./save.js";
import type { StoreOptions } from "./store.js";

/** To the thread. */
export type WriterRequest =
  | { readonly type: "save"; readonly id: number; readonly checkpoint: Checkpoint }
  | { readonly type: "backup"; readonly id: number; readonly options: DailyBackup }
  | { readonly type: "close" };

/** From the thread. */
export type WriterReply =
  | { readonly type: "opened"; readonly opening: Opening }
  | { readonly type: "not-opened"; readonly error: ErrorMessage }
  | { readonly type: "progress"; readonly id: number; readonly share: number }
  | { readonly type: "done"; readonly id: number; readonly report: SaveReport | BackupReport }
  | { readonly type: "failed"; readonly id: number; readonly error: ErrorMessage };

export type DailyBackup = Pick<BackupOptions, "keep" | "reserve">;

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
  /**
   * Copies the newest whole generation of this label and name unless today has its backup, beside any saves. Throws as
   * `backup` does.
   */
  backup(options: DailyBackup): Promise<BackupReport>;
  /** Waits for saves under way, calls a backup off, lets others write, and ends the thread. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (report: never) => void;
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
      for (const one of waiting.values()) one.reject(error);
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
  const call = <Report>(
    request: (id: number) => WriterRequest,
    transfer: readonly ArrayBuffer[] = [],
    onProgress?: (share: number) => void,
  ): Promise<Report> => {
    if (ended !== undefined) return Promise.reject(ended);
    const id = next++;
    worker.postMessage(request(id), [...new Set(transfer)]);
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject, onProgress }));
  };
  return {
    opening,
    save: (checkpoint, transfer, onProgress) =>
      call((id) => ({ type: "save", id, checkpoint }), transfer, onProgress),
    backup: (backup) => call((id) => ({ type: "backup", id, options: backup })),
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
  const call = waiting.get(reply.id);
  if (reply.type === "progress") return call?.onProgress?.(reply.share);
  waiting.delete(reply.id);
  if (reply.type === "done") call?.resolve(reply.report as never);
  else call?.reject(unpackError(reply.error));
}
