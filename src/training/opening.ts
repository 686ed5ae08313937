/** What a run opens before it begins: all that is read, then the weights folder for writing. */
import { createScope, type Scope } from "../base/scope.js";
import { listGenerations, mirrorFolder, startWriter, type Series, type Writer } from "../checkpoint/index.js";
import type { Owner } from "../store/index.js";
import { defaultThreads, resolveDevice } from "../engine/device.js";
import type { Emit } from "../events/event.js";
import { warning } from "../events/warning.js";
import type { ImageSource } from "../progan/image-source.js";
import { findSensor, type HeatWatch } from "../thermal/watch.js";
import { openImages, purposeOf, seriesOf, type Purpose } from "./images.js";
import type { RunOptions } from "./options.js";
import { takeUpLeft, type TakenUp } from "./outlive.js";
import { begin, type Beginning } from "./resume.js";

export interface Opened {
  readonly series: Series;
  readonly beginning: Beginning;
  readonly source: ImageSource;
  /** An ONNX Runtime provider. */
  readonly device: Awaited<ReturnType<typeof resolveDevice>>;
  readonly threads: number;
  readonly watch: HeatWatch;
  readonly writer: Writer;
  readonly takenUp: TakenUp;
  /** Owns what is open: the images and the folder. */
  readonly scope: Scope;
}

/** Seconds for which a start waits for a clean-up or a restore of the weights folder. */
const patience = 30;

/**
 * Opens in an order in which bad input is found first.
 * @param aborted gives it up; nothing is told from then on
 * @throws what those throw, and once it is given up its reason; then nothing is open
 */
export async function open(options: RunOptions, told: Emit, aborted: AbortSignal): Promise<Opened> {
  // The end may have been told by then.
  const emit: Emit = (event) => {
    if (!aborted.aborted) told(event);
  };
  // A GPU is looked for in a process of its own, while this one reads.
  const resolving = resolveDevice(options.device ?? "auto");
  resolving.catch(() => undefined);
  let waits = false;
  const onWaiting = ({ pid, purpose: what = "train" }: Owner): void => {
    if (!waits) emit(warning("WAITING_FOR_FOLDER", { purpose: what, pid }));
    waits = true;
  };
  const asked = options.data === undefined ? undefined : await purposeOf(options);
  // Where no images are named, what killed trainings of any class have left here may be what is to go on.
  const takenUp = await takeUpLeft(options.weights, asked?.series, { patience, onWaiting });
  const purpose = asked ?? (await purposeOf(options));
  /** One sensor, however often it is tried. */
  let found: HeatWatch | undefined;
  const watching = async (): Promise<HeatWatch> =>
    (found ??= await findSensor(options.heat, await resolving, aborted));
  for (;;) {
    const scope = createScope();
    try {
      const before = await newestIn(options);
      const read = await readAll(options, purpose, emit, scope);
      const device = await resolving;
      const watch = await watching();
      aborted.throwIfAborted();
      const { beginning, series } = read;
      const writer = scope.own(await openWeights(options, series, beginning, onWaiting), (one) =>
        one.close(),
      );
      // Another training may have saved, and ended, after the checkpoint was read and before the folder was ours alone.
      const isNewest = (await newestIn(options)) === before;
      aborted.throwIfAborted();
      if (isNewest) return { ...read, device, watch, writer, takenUp, scope };
    } catch (error) {
      await scope.close().catch(() => undefined);
      throw error;
    }
    await scope.close();
  }
}

/** The newest checkpoint that a run may go on from. */
async function newestIn({ fresh, weights }: RunOptions): Promise<string | undefined> {
  return fresh ? undefined : (await listGenerations(weights)).whole[0]?.id;
}

/** What is read: the checkpoint and the images. @param scope owns the images */
async function readAll(options: RunOptions, purpose: Purpose, emit: Emit, scope: Scope) {
  const beginning = await begin(options, purpose.series, purpose.isTrainedOn);
  const source = scope.own(await openImages(purpose, options, beginning, emit), releaseLater);
  const series = seriesOf(purpose, beginning, source, options);
  const threads = options.threads ?? beginning.from?.saved?.threads ?? defaultThreads();
  return { beginning, source, series, threads };
}

/** The system would do it, too; a disk that does not answer must not hold up the end. */
function releaseLater(source: ImageSource): void {
  void source.releaseDisk();
}

function openWeights(
  options: RunOptions,
  series: Series,
  { from }: Beginning,
  onWaiting: (owner: Owner) => void,
): Promise<Writer> {
  return startWriter(
    {
      folder: options.weights,
      ...series,
      patience,
      // What comes from elsewhere begins a line of its own: retention must not count it with what is here already.
      parent: from?.generation ?? null,
      apart: from?.apart,
      retention: { everySteps: options.keepEvery },
      refugeWhenFull: mirrorFolder() === undefined,
    },
    onWaiting,
  );
}
