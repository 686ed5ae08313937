/**
 * The store behind a thread of its own, so that saving never makes training wait: hashing, writing, fsync and reading back
 * happen there. Nothing interrupts a save that has begun; `close` waits for it.
 */
import { MessageChannel, MessagePort, Worker } from "node:worker_threads";
import { GuardapesosError, reasonOf, unpackError, type ErrorMessage } from "../base/errors.js";
import type { Sealed } from "../base/sealed.js";
import { workerEntry } from "../base/worker-entry.js";
import type { Checkpoint } from "./checkpoint.js";
import { nodeDisk, type Owner } from "../store/index.js";
import type { Opening, SaveReport, StoreOptions } from "./store.js";
import type { BackupOptions, BackupReport } from "./upkeep.js";

/** What the thread begins with. */
export interface WriterData {
  readonly options: StoreOptions;
  readonly returns: MessagePort | undefined;
}

/** A checkpoint whose networks may have been sealed by another thread: this one then never sees them. */
export type Delivery = Omit<Checkpoint, "networks"> & {
  readonly networks: Checkpoint["networks"] | Sealed<Checkpoint["networks"]>;
};

/** To the thread. */
export type WriterRequest =
  | { readonly type: "save"; readonly id: number; readonly checkpoint: Delivery; readonly last: boolean }
  | { readonly type: "backup"; readonly id: number; readonly options: DailyBackup }
  | { readonly type: "close" };

/** From the thread. */
export type WriterReply =
  /** For a writer that ends by itself. */
  | { readonly type: "waiting"; readonly other: Owner }
  | { readonly type: "opened"; readonly opening: Opening }
  | { readonly type: "not-opened"; readonly error: ErrorMessage }
  | { readonly type: "progress"; readonly id: number; readonly share: number }
  | {
      readonly type: "done";
      readonly id: number;
      readonly report: SaveReport | BackupReport;
      readonly refuge?: { readonly folder: string; readonly cause: ErrorMessage } | undefined;
    }
  | { readonly type: "failed"; readonly id: number; readonly error: ErrorMessage };

export type DailyBackup = Pick<BackupOptions, "keep" | "reserve">;

export interface Writer {
  /** What opening found and mended; of the newest thread. */
  readonly opening: Opening;
  /**
   * Where the memory of each checkpoint arrives once its save has ended, as a list of buffers. For the thread that can use it:
   * the arrival of so much memory holds a thread up.
   */
  readonly returned: MessagePort;
  /**
   * Saves as Store.save does; several calls are done one after the other.
   * @param transfer what is handed over without a copy and is empty here afterwards: buffers of the checkpoint's arrays, or its
   *   sealed networks; arrays over other buffers are copied before this returns
   * @param last nothing comes after it: where the weights folder does not take it, it is saved elsewhere if that can be done
   */
  save(
    checkpoint: Delivery,
    transfer: readonly (ArrayBuffer | MessagePort)[],
    onProgress?: (share: number) => void,
    last?: boolean,
  ): Promise<WriterReport>;
  /**
   * Copies the newest whole generation of this label and name unless today has its backup, beside any saves. Throws as
   * `backup` does.
   */
  backup(options: DailyBackup): Promise<BackupReport>;
  /** Waits for saves under way, calls a backup off, lets others write, and ends the thread. */
  close(): Promise<void>;
}

/** What the writer reports of a save. */
export interface WriterReport extends SaveReport {
  /** It is not in the weights folder, which did not take it (`cause`), but in this one. */
  readonly refuge?: { readonly folder: string; readonly cause: Error } | undefined;
}

/** The thread, for as long as it lives. */
interface Thread {
  readonly opening: Opening;
  /** Why it answers no more; undefined while it does. */
  readonly ended: Error | undefined;
  readonly call: <Report>(
    request: (id: number) => WriterRequest,
    transfer?: readonly (ArrayBuffer | MessagePort)[],
    onProgress?: (share: number) => void,
  ) => Promise<Report>;
  readonly close: () => Promise<void>;
}

/**
 * Opens the store in a new thread. Throws as openStore does. `onWaiting` is told once of whom it waits for. A thread that dies fails the save that it was at; the next
 * one begins with a new thread.
 */
export async function startWriter(
  options: StoreOptions,
  onWaiting?: (other: Owner) => void,
): Promise<Writer> {
  const { port1: returned, port2: returns } = new MessageChannel();
  let thread = await startThread(options, returns, onWaiting);
  let { parent } = options;
  let closing = false;
  const revive = async (): Promise<Thread> => {
    // The lock of a thread that is dead, in a process that is not: nobody else would remove it.
    await nodeDisk.remove(thread.opening.lock).catch(() => undefined);
    // The port went with the dead thread; without one, the memory of saves is left to be collected.
    thread = await startThread({ ...options, parent });
    return thread;
  };
  /** At once where it can: what is handed over must not change meanwhile. */
  const withThread = <Report>(call: (thread: Thread) => Promise<Report>): Promise<Report> =>
    thread.ended === undefined || closing ? call(thread) : revive().then(call);
  return {
    get opening() {
      return thread.opening;
    },
    returned,
    async save(checkpoint, transfer, onProgress, last = false) {
      try {
        return await withThread(async ({ call }) => {
          const request = (id: number): WriterRequest => ({ type: "save", id, checkpoint, last });
          const report = await call<WriterReport>(request, transfer, onProgress);
          if (!report.refuge) parent = report.generation.id;
          return report;
        });
      } finally {
        // Sealed networks that no thread has taken would stay in memory.
        for (const one of transfer) if (one instanceof MessagePort) one.close();
      }
    },
    backup: (backup) =>
      withThread(({ call }) => call<BackupReport>((id) => ({ type: "backup", id, options: backup }))),
    close() {
      closing = true;
      return thread.close();
    },
  };
}

interface Waiting {
  readonly resolve: (report: never) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((share: number) => void) | undefined;
}

async function startThread(
  options: StoreOptions,
  returns?: MessagePort,
  onWaiting?: (other: Owner) => void,
): Promise<Thread> {
  const worker = new Worker(workerEntry(import.meta.url, "./writer-worker.js"), {
    workerData: { options, returns } satisfies WriterData,
    transferList: returns ? [returns] : [],
  });
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
    const die = (reason: string) =>
      end(new GuardapesosError("SAVE_FAILED", { folder: options.folder, reason }));
    worker.on("error", (error) => die(reasonOf(error)));
    worker.on("exit", (code) => die(`the thread ended (${code})`));
    worker.on("message", (reply: WriterReply) => {
      if (reply.type === "opened") resolve(reply.opening);
      else if (reply.type === "waiting") onWaiting?.(reply.other);
      else if (reply.type === "not-opened") end(unpackError(reply.error));
      else receive(reply, waiting);
    });
  });

  let next = 0;
  return {
    opening,
    get ended() {
      return ended;
    },
    call(request, transfer = [], onProgress) {
      if (ended !== undefined) return Promise.reject(ended);
      const id = next++;
      worker.postMessage(request(id), [...new Set(transfer)]);
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject, onProgress }));
    },
    async close() {
      if (ended === undefined) worker.postMessage({ type: "close" } satisfies WriterRequest);
      await exited;
    },
  };
}

function receive(
  reply: Exclude<WriterReply, { type: "opened" | "not-opened" | "waiting" }>,
  waiting: Map<number, Waiting>,
): void {
  const call = waiting.get(reply.id);
  if (reply.type === "progress") return call?.onProgress?.(reply.share);
  waiting.delete(reply.id);
  if (reply.type === "done") {
    const refuge = reply.refuge && { ...reply.refuge, cause: unpackError(reply.refuge.cause) };
    call?.resolve({ ...reply.report, refuge } as never);
  } else call?.reject(unpackError(reply.error));
}
