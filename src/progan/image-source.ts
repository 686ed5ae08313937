/**
 * Where training images come from: the one interface that a folder of files (image-folder.ts) and the drawn phantoms
 * (phantom.ts) both keep, so that everything above reads pixels and never asks where they were.
 */
import { availableParallelism } from "node:os";
import { markedName } from "../base/marked-name.js";

export interface PrepareOptions {
  /** Told at the start, about ten times a second, and at the end (done = total). */
  readonly onProgress: (done: number, total: number) => void;
  /** Aborted: rejects at once with its reason. */
  readonly signal?: AbortSignal;
}

/** Images that have been found, before any has been decoded. */
export interface ImageSource {
  /** What the images are called: the name of their folder, or what was asked for; undefined for generated ones. */
  readonly className: string | undefined;
  /** That as it stands in file names, e.g. "DRUSEN". */
  readonly label: string;
  /** Path of the folder, or "phantom". */
  readonly description: string;
  /** The folder that was given, in which those of the images were chosen, as an absolute path; undefined for drawn ones. */
  readonly origin: string | undefined;
  /** Files found; a file may hold several images, or turn out to be unreadable. */
  readonly files: number;
  /**
   * Decodes every image once at `resolution`, keeps as many as memory and disk allow, and finds out which can be used.
   * Gives up what was kept for the resolution before.
   * @throws IMAGES_UNREADABLE when not one image can be used
   * @throws IMAGES_VANISHED when more than a tenth of those that could be used are gone
   */
  prepare(resolution: number, options: PrepareOptions): Promise<ImageSet>;
  /**
   * To be called all the while that training runs: looks now and then whether the images are still there, and never waits.
   * @throws IMAGES_VANISHED when more than a tenth are gone
   */
  look(): void;
  /** Gives back the room that decoded images take on disk, for whoever needs it more, and at the end. */
  releaseDisk(): Promise<void>;
}

/** Images that can be used, at one resolution. */
export interface ImageSet {
  readonly count: number;
  readonly resolution: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  /** 16 hex digits over what the images are; the same data has the same fingerprint at every resolution. */
  readonly fingerprint: string;
  /** The same over a sample of what the files hold, which their names and sizes do not tell; undefined for drawn images. */
  readonly sample?: string | undefined;
  /**
   * (channels, resolution, resolution) bytes; not to be written to. Decoded only when neither in memory nor on disk.
   * @param scratch as many bytes, which are perhaps written over and answered
   */
  pixels(index: number, scratch?: Uint8Array): Promise<Uint8Array>;
}

/**
 * A name that is safe in a file name on every system, and no other name's: a plain one is its own; whatever loses something
 * is marked. Composed and decomposed letters are the same name.
 */
export function fileLabel(name: string): string {
  const composed = name.normalize();
  const safe = formerLabel(composed);
  return safe === composed ? safe : markedName(safe, composed);
}

/** What fileLabel was before it told all names apart; checkpoints from then bear it. */
export function formerLabel(name: string): string {
  const safe = name.normalize().replace(/[^\p{L}\p{N}.-]+/gu, "_");
  const trimmed = safe.replace(/^[._-]+|[._-]+$/g, "");
  return trimmed === "" ? "images" : trimmed.slice(0, 64);
}

/** Images decoded at once while nothing else runs; libuv has four threads. */
export const decodesAtOnce = Math.min(4, availableParallelism());
