/** `guardapesos generate`: images from a checkpoint, as PNG files or as one grid, written as they are drawn. */
import { basename, extname } from "node:path";
import { GuardapesosError } from "../../base/errors.js";
import type { Images } from "../../progan/picture.js";
import type { Drawing } from "../../training/generate.js";
import type { Context } from "../context.js";
import { requireFolder, say, settingsOf, tell } from "../context.js";
import { exitCodeOfStop } from "../exit-codes.js";
import {
  wordsOf,
  type commonOptions,
  type configOption,
  type generateOptions,
  type Settings,
} from "../options.js";
import { drawingProgress } from "../present/drawing.js";
import type { Services } from "../services.js";
import { listenToSignals } from "../signals.js";

type Flags = Settings<typeof generateOptions & typeof commonOptions & typeof configOption>;
type Tools = Awaited<ReturnType<Services["generating"]>>;

/** Least pixels along the side of one image in a grid, so that 4x4 can be seen. */
const tile = 64;
/** So many paths are told, one by one; of more the first and the last. */
const fewFiles = 100;
/** Paths in the JSON line: it is one text, and memory must not grow with the number of images. */
const mostTold = 10_000;

/** Throws OPTION_*, OUTPUT_EXISTS when the grid cannot be what it was asked to be. */
async function checkGrid({ grid, overwrite = false }: Flags, tools: Tools): Promise<void> {
  if (grid === undefined) {
    if (overwrite) throw new GuardapesosError("OPTION_NEEDS", { option: "--overwrite", needed: "--grid" });
    return;
  }
  if (!tools.isPictureName(grid)) {
    const values = tools.pictureEndings.map((ending) => `*${ending}`);
    throw new GuardapesosError("OPTION_INVALID", {
      option: "--grid",
      value: grid,
      expected: { kind: "one-of", values },
    });
  }
  if (!overwrite && (await tools.isTaken(grid))) {
    throw new GuardapesosError("OUTPUT_EXISTS", { path: grid, option: "--overwrite" });
  }
}

/** Where images go, one after the other. */
interface Sink {
  /** @returns the paths that have been written */
  add(images: Images): Promise<readonly string[]>;
  /** @returns the paths that are written at the end */
  end(): Promise<readonly string[]>;
}

/** Throws GRID_TOO_LARGE, OUTPUT_NOT_WRITABLE. */
async function sinkFor(
  drawing: Drawing,
  flags: Flags,
  seed: number,
  count: number,
  tools: Tools,
): Promise<Sink> {
  const { id, channels, resolution } = drawing;
  const { grid: path } = flags;
  if (path !== undefined) {
    const grid = tools.createGrid(path, { count, channels, resolution }, { tile });
    return {
      add: (images) => {
        grid.add(images);
        return Promise.resolve([]);
      },
      end: async () => {
        await grid.write(flags.overwrite ?? false);
        return [path];
      },
    };
  }
  // An id is a file name; what came from a file is named after it.
  const name = `${basename(id, extname(id))}_seed${seed}`;
  const write = await tools.numberedPictures(flags.out ?? "generated", name);
  return {
    add: async (images) => {
      const paths: string[] = [];
      for (let index = 0; index < images.count; index++) paths.push(await write(images, index));
      return paths;
    },
    end: () => Promise.resolve([]),
  };
}

/** A signal that ends the drawing: nothing is lost by it, so the first one is enough. */
function stopOnSignal() {
  let signal: string | undefined;
  let stop!: () => void;
  const stopped = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
  });
  const deafen = listenToSignals({
    request: (name) => {
      signal ??= name;
      stop();
    },
  });
  return {
    deafen,
    get signal() {
      return signal;
    },
    /** The value, unless the signal comes first. */
    unlessStopped: <Value>(value: Promise<Value>): Promise<Value | undefined> => {
      value.catch(() => undefined);
      return Promise.race([value, stopped]);
    },
  };
}

/** Throws PLACE_ELSEWHERE, SERIES_NOT_FOUND, what the generation throws, OUTPUT_NOT_WRITABLE, OUTPUT_EXISTS, GRID_TOO_LARGE, OPTION_*. */
export async function generate(
  context: Context,
  flags: Flags,
  [reference]: readonly string[],
): Promise<void> {
  const settings = await settingsOf(context, flags);
  requireFolder(flags.out);
  const tools = await context.services.generating();
  await checkGrid(flags, tools);
  const seed = flags.seed ?? 0;
  const stop = stopOnSignal();
  try {
    const opening = tools.openGenerator({
      weights: settings.weights ?? "weights",
      reference,
      stateDicts: wordsOf(settings.stateDict),
      series: { class: flags.class, name: flags.name },
      seed,
      resolution: flags.resolution,
      truncation: flags.truncation,
      device: settings.device,
      threads: settings.threads,
    });
    const drawing = await stop.unlessStopped(opening);
    if (drawing !== undefined) await drawAll(context, flags, drawing, stop, tools);
    if (stop.signal === undefined) return;
    context.exitCode = exitCodeOfStop(stop.signal);
    // Whatever is being opened or drawn is of no use any more.
    context.leaveAtOnce = true;
  } finally {
    stop.deafen();
  }
}

async function drawAll(
  context: Context,
  flags: Flags,
  drawing: Drawing,
  stop: ReturnType<typeof stopOnSignal>,
  tools: Tools,
): Promise<void> {
  const { id, channels, resolution, alpha, resolutionFrom } = drawing;
  const { texts } = context;
  const [seed, count] = [flags.seed ?? 0, flags.count ?? 16];
  const sink = await sinkFor(drawing, flags, seed, count, tools);
  say(context, texts.commands.generated(count, resolution, id));
  if (resolutionFrom === "nothing") say(context, texts.commands.resolutionUntold(resolution));
  const progress = drawingProgress(context, count);
  const files: string[] = [];
  let [done, written] = [0, 0];
  let [first, last] = ["", ""];
  const wrote = (paths: readonly string[]): void => {
    if (paths.length === 0) return;
    if (written === 0) first = paths[0]!;
    last = paths.at(-1)!;
    written += paths.length;
    files.push(...paths.slice(0, mostTold - files.length));
    if (count <= fewFiles) for (const path of paths) progress.say(texts.commands.wrote(path));
  };
  const images = drawing.draw(count)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await stop.unlessStopped(images.next());
      if (next === undefined || next.done === true) break;
      wrote(await sink.add(next.value));
      progress.show((done += next.value.count));
      if (stop.signal !== undefined) break;
    }
    if (done === count) wrote(await sink.end());
  } finally {
    progress.close();
    if (stop.signal === undefined) await drawing.close();
    else drawing.leave();
  }
  if (count > fewFiles && written > 0) say(context, texts.commands.wroteMany(written, first, last));
  if (done < count) say(context, texts.commands.drawingStopped(written, count));
  tell(context, "generated", {
    id,
    count,
    channels,
    resolution,
    resolutionFrom,
    alpha,
    seed,
    written,
    files,
  });
}
