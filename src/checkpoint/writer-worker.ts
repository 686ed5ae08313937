/** The thread behind writer.ts: one store, driven by messages; saves one after the other, a backup beside them. */
import { MessagePort, parentPort, workerData } from "node:worker_threads";
import { packError, type ErrorMessage } from "../base/errors.js";
import { buffersOf } from "../base/named-arrays.js";
import { invariant } from "../base/invariant.js";
import { createReportPace } from "../base/report-pace.js";
import { unseal } from "../base/sealed.js";
import type { Checkpoint } from "./checkpoint.js";
import { openStore, saveElsewhere, type Store } from "./store.js";
import { backup } from "./upkeep.js";
import type { WriterData, WriterReply, WriterRequest } from "./writer.js";

invariant(parentPort !== null, "the writer runs in a thread");
const port = parentPort;
const { options, returns } = workerData as WriterData;
const tell = (reply: WriterReply): void => port.postMessage(reply);
const closing = new AbortController();
let copying: Promise<void> = Promise.resolve();

interface Answer {
  readonly report: Awaited<ReturnType<Store["save"] | typeof backup>>;
  readonly refuge?: { readonly folder: string; readonly cause: ErrorMessage };
}

async function answer(id: number, work: () => Promise<Answer>): Promise<void> {
  try {
    tell({ type: "done", id, ...(await work()) });
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

function elsewhere(
  checkpoint: Checkpoint,
  error: unknown,
  { device }: Store,
  onProgress: (share: number) => void,
): ReturnType<typeof saveElsewhere> {
  return saveElsewhere(checkpoint, error, options, device, onProgress);
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
          return { report: await store.save(checkpoint, onProgress) };
        } catch (error) {
          const found = request.last && (await elsewhere(checkpoint, error, store, onProgress));
          if (!found) throw error;
          const { folder, report } = found;
          return { report, refuge: { folder, cause: packError(error) } };
        } finally {
          giveBack(checkpoint);
        }
      });
    }
    case "backup": {
      const { label, name, class: own, folder } = options;
      const series = { label, name, class: own };
      const wish = { ...request.options, daily: true, series, signal: closing.signal };
      copying = answer(request.id, async () => ({ report: await backup(folder, wish) }));
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
