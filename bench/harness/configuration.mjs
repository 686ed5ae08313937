/** The networks that are measured: as wide as they are latent, with three colours. */
import { product } from "./product.mjs";

/**
 * @param {number} channels
 * @returns {import("../../src/progan/config.js").Architecture}
 */
export const architectureOf = (channels) => ({ latent: channels, channels, imageChannels: 3 });

/**
 * @param {number} side
 * @returns {Promise<import("../../src/progan/config.js").Resolution>}
 */
export async function resolutionOf(side) {
  const { resolutions } = await product("progan/config.js");
  const resolution = resolutions.find((known) => known === side);
  if (resolution === undefined)
    throw new Error(`${side} is no resolution; there are ${resolutions.join(", ")}`);
  return resolution;
}
