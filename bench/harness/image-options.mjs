/** What the case `images` takes, which its process for each resolution takes as well; and what that process answers. */
import { join } from "node:path";
import { parseArgs } from "node:util";

/**
 * @typedef {object} ImageOptions
 * @property {number} count images
 * @property {number} steps of each epoch that are measured, at most
 * @property {readonly number[]} resolutions
 * @property {number | undefined} cacheBytes of decoded images in memory; undefined: as many as in a training
 * @property {boolean} noDisk
 * @property {boolean} phantoms
 * @property {string | undefined} from the folder of the images
 * @property {readonly string[]} passed the words that the process for each resolution gets
 */

/**
 * Of one resolution. Shares are of the epoch's time: how long the trainer waited, and how long the engine lay idle.
 * @typedef {object} Waits
 * @property {number} resolution
 * @property {number} loading seconds
 * @property {number} images
 * @property {[Share, Share]} shares of the first epoch and a later one
 * @property {number} messages the engine's idle share with nothing to load
 * @property {number} rate images in a second that the loader gives when nobody holds it up
 * @property {number} maxRSS peak memory of the process, in KiB
 * @property {number} deaf longest gap of the event loop, in milliseconds
 */
/** @typedef {{ waited: number, idle: number }} Share */

/** Assumed for a batch, in milliseconds: no card was measured. @param {number} resolution */
export const batchTime = (resolution) => (resolution <= 32 ? 10 : 30);

/**
 * @param {readonly string[]} words
 * @returns {ImageOptions}
 */
export function imageOptions(words) {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      count: { type: "string" },
      steps: { type: "string" },
      resolutions: { type: "string" },
      memory: { type: "string" },
      "no-disk": { type: "boolean", default: false },
      phantoms: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
    },
  });
  const { quick, phantoms } = values;
  const resolutions = values.resolutions ?? (quick ? "4,64,256" : "4,8,16,32,64,128,256,512,1024");
  // In quick runs so few that the disk is needed.
  const megabytes = values.memory ?? (quick ? "1" : undefined);
  return {
    count: Number(values.count ?? (quick ? 200 : 8000)),
    steps: Number(values.steps ?? (quick ? 10 : 300)),
    resolutions: resolutions.split(",").map(Number),
    cacheBytes: megabytes === undefined ? undefined : Number(megabytes) * 1e6,
    noDisk: values["no-disk"],
    phantoms,
    from: positionals.length > 0 ? join(...positionals) : undefined,
    passed: words.filter((word) => word.startsWith("--")),
  };
}
