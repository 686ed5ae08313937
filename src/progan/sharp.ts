/**
 * The image library, loaded when the first image needs it (it takes a while, and `--help` does not), with settings that
 * leave the processor to the training: one thread per image, and no cache, because no image is ever asked for twice.
 */
import type Sharp from "sharp";

/** An image under way through its steps. */
export type { Sharp as Picture } from "sharp";

let loading: Promise<typeof Sharp> | undefined;

export function loadSharp(): Promise<typeof Sharp> {
  loading ??= import("sharp").then(({ default: sharp }) => {
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}
