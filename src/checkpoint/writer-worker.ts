/** The thread behind writer.ts: one store, driven by messages, one at a time. */
import { parentPort, workerData } from "node:worker_threads";
import { packError } from "../base/errors.js";
import { invariant } from "../base/invariant.js";
import { openStore, type Store, type StoreOptions } from "./store.js";
import type { WriterReply, WriterRequest } from "./writer.js";

invariant(parentPort !== null, "the writer runs in a thread");
const port = parentPort;
const tell = (reply: WriterReply): void => port.postMessage(reply);

async function serve(store: Store, request: WriterRequest): Promise<void> {
  if (request.type === "close") {
    await store.close();
    port.close();
    return;
  }
  const { id, checkpoint } = request;
  try {
    const report = await store.save(checkpoint, (share) => tell({ type: "progress", id, share }));
    tell({ type: "saved", id, report });
  } catch (error) {
    tell({ type: "not-saved", id, error: packError(error) });
  }
}

try {
  const store = await openStore(workerData as StoreOptions);
  port.on("message", (request: WriterRequest) => void serve(store, request));
  tell({ type: "opened", opening: store.opening });
} catch (error) {
  tell({ type: "not-opened", error: packError(error) });
}
