/** `guardapesos generate`: images from a checkpoint, as PNG files or as one grid. */
import { basename, extname } from "node:path";
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import {
  wordsOf,
  type commonOptions,
  type configOption,
  type generateOptions,
  type Settings,
} from "../options.js";

/** Least pixels along the side of one image in a grid, so that 4x4 can be seen. */
const tile = 64;

/** Throws SERIES_NOT_FOUND, what the generation throws, and OUTPUT_NOT_WRITABLE. */
export async function generate(
  context: Context,
  flags: Settings<typeof generateOptions & typeof commonOptions & typeof configOption>,
  [reference]: readonly string[],
): Promise<void> {
  const settings = await settingsOf(context, flags);
  const services = await context.services.generating();
  const seed = flags.seed ?? 0;
  const images = await services.generate({
    weights: settings.weights ?? "weights",
    reference,
    stateDicts: wordsOf(settings.stateDict),
    series: { class: flags.class, name: flags.name },
    count: flags.count ?? 16,
    seed,
    truncation: flags.truncation,
    device: settings.device,
    threads: settings.threads,
  });

  const { id, count, channels, resolution, alpha } = images;
  let files: readonly string[];
  if (flags.grid === undefined) {
    // An id is a file name; what came from a file is named after it.
    const name = basename(id, extname(id));
    files = await services.writeImages(flags.out ?? "generated", images, `${name}_seed${seed}`);
  } else {
    await services.writeGrid(flags.grid, images, { tile });
    files = [flags.grid];
  }
  tell(context, "generated", { id, count, channels, resolution, alpha, seed, files });
  say(context, context.texts.commands.generated(count, resolution, id));
  for (const file of files) say(context, context.texts.commands.wrote(file));
}
