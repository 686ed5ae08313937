/** The thread behind writer.ts: one store, driven by messages; saves one after the other, a backup beside them. */
import { MessagePort, parentPort, workerData } from "node:worker_threads";
import { packError } from "../base/errors.js";
import { buffersOf } from "../base/named-arrays.js";
import { invariant } from "../base/invariant.js";
import { createReportPace } from "../base/report-pace.js";
import { unseal } from "../base/sealed.js";
import { backup } from "./backup.js";
import type { Checkpoint } from "./checkpoint.js";
import { openStore, type Store } from "./store.js";
import type { WriterData, WriterReply, WriterRequest } from "./writer.js";

invariant(parentPort !== null, "the writer runs in a thread");
const port = parentPort;
const { options, returns } = workerData as WriterData;
const tell = (reply: WriterReply): void => port.postMessage(reply);
const closing = new AbortController();
let copying: Promise<void> = Promise.resolve();

async function answer(id: number, work: () => ReturnType<Store["save"] | typeof backup>): Promise<void> {
  try {
    tell({ type: "done", id, report: await work() });
  } catch (error) {
    tell({ type: "failed", id, error: packError(error) });
  }
}

/** The memory of a checkpoint, which is needed no more. */
function giveBack({ networks }: Checkpoint): void {
  if (!returns) return;
  const arrays = [...networks.values()].flatMap(({ stateDict, adam }) => [
    ...stateDict.values(),
    ...[...(adam?.entries.values() ?? [])].flatMap(({ expAvg, expAvgSq }) => [expAvg, expAvgSq]),
  ]);
  const buffers = buffersOf(arrays);
  returns.postMessage(buffers, buffers);
}

async function serve(store: Store, request: WriterRequest): Promise<void> {
  switch (request.type) {
    case "save": {
      const { id } = request;
      const { networks } = request.checkpoint;
      const checkpoint = {
        ...request.checkpoint,
        networks: networks instanceof MessagePort ? unseal(networks) : networks,
      };
      const isTime = createReportPace();
      const onProgress = (share: number): void => {
        if (isTime(share >= 1)) tell({ type: "progress", id, share });
      };
      return answer(id, async () => {
        try {
          return await store.save(checkpoint, onProgress);
        } finally {
          giveBack(checkpoint);
        }
      });
    }
    case "backup": {
      const { label, name, class: own, folder } = options;
      const series = { label, name, class: own };
      const wish = { ...request.options, daily: true, series, signal: closing.signal };
      copying = answer(request.id, () => backup(folder, wish));
      return;
    }
    case "close":
      closing.abort();
      await Promise.all([store.close(), copying]);
      returns?.close();
      port.close();
  }
}

try {
  const store = await openStore(options, undefined, (other) => tell({ type: "waiting", other }));
  port.on("message", (request: WriterRequest) => void serve(store, request));
  tell({ type: "opened", opening: store.opening });
} catch (error) {
  tell({ type: "not-opened", error: packError(error) });
}
