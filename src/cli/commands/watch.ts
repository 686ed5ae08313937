/** `guardapesos watch`: keeps the finished checkpoints of a training that somebody else started, by looking. */
import { randomBytes } from "node:crypto";
import { basename, resolve } from "node:path";
import { GuardapesosError, reasonOf, stackOf } from "../../base/errors.js";
import { createBus } from "../../events/bus.js";
import type { WatchOptions, WatchReport } from "../../guard/watch.js";
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import { openEventFile } from "../event-file.js";
import { exitCodeOf, exitCodeOfStop } from "../exit-codes.js";
import type { configOption, commonOptions, Settings, watchOptions } from "../options.js";
import { createGuardedPresenter } from "../present/guarded.js";
import { jsonListener } from "../present/json.js";
import { listenToSignals } from "../signals.js";
import { isFolder } from "../weights.js";

type Flags = Settings<typeof watchOptions & typeof commonOptions & typeof configOption>;

export interface Watching extends Pick<WatchOptions, "once" | "kind" | "every"> {
  readonly path: string;
  readonly weights: string;
  readonly name: string | undefined;
  readonly events: string | undefined;
}

/** Exit code 65 when something is not whole; that of a stop when it was asked to. */
export async function watch(context: Context, flags: Flags, [path = ""]: readonly string[]): Promise<void> {
  const { weights = "weights", name } = await settingsOf(context, flags);
  if (!(await isFolder(path))) throw new GuardapesosError("FOLDER_NOT_FOUND", { folder: path });
  const { once = false, events } = flags;
  // A look each second tells soon what is still; one that lasts for days looks less often.
  await watchPath(context, { path, weights, name, events, once, every: once ? 1 : 2, kind: "epoch" });
}

/**
 * Watches, and tells of it.
 * @throws WEIGHTS_IN_USE, WEIGHTS_NOT_WRITABLE, FOLDER_NOT_READABLE, OUTPUT_NOT_WRITABLE, and as a save does
 */
export async function watchPath(
  context: Context,
  { path, weights, name, events, ...options }: Watching,
): Promise<WatchReport> {
  const [{ openWatchedFolder }, guard, { seriesName }] = await Promise.all([
    import("../../guard/watched-folder.js"),
    import("../../guard/watch.js"),
    import("../../guard/script-name.js"),
  ]);
  const { output, texts } = context;
  const bus = createBus({
    run: randomBytes(16).toString("hex"),
    onFault: (error) => output.writeError(`${texts.commands.bug(reasonOf(error))}\n${stackOf(error)}\n`),
  });
  const presenter = createGuardedPresenter(output, texts);
  bus.listen(context.json ? jsonListener(output) : { event: ({ event }) => presenter.emit(event) });
  const file = events === undefined ? undefined : openEventFile(events);
  if (file !== undefined) bus.listen(jsonListener(file));
  const aborting = new AbortController();
  let cause: string | undefined;
  const ears = [
    () => file?.close(),
    listenToSignals({
      request(signal) {
        cause ??= signal;
        aborting.abort();
      },
    }),
  ];
  const series = name ?? seriesName([basename(resolve(path))]);
  try {
    const folder = await openWatchedFolder(weights, series);
    try {
      if (!options.once) {
        tell(context, "watching", { path, weights, series });
        say(context, texts.foreign.watching(path, folder.path, series));
      }
      const found = { path: resolve(path), weights: resolve(weights) };
      const report = await guard.watch(folder, { ...options, ...found }, bus.emit, aborting.signal);
      tell(context, "watched", report);
      for (const line of texts.foreign.watched(report)) say(context, line);
      if (report.broken.length > 0) context.exitCode = exitCodeOf("CHECKPOINT_DAMAGED");
      if (cause !== undefined) context.exitCode = exitCodeOfStop(cause);
      return report;
    } finally {
      await folder.release();
    }
  } finally {
    for (const deafen of ears) deafen();
  }
}
