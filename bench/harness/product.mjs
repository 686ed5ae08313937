/** The product as users run it: the build in dist/, made first where it is missing or old, and typed by its sources. */
import { buildIfStale } from "../../bin/build.mjs";

/** @type {Promise<void> | undefined} */
let built;

/**
 * A module of the product.
 * @template {keyof import("./types.js").Product} Path
 * @param {Path} path in the build
 * @returns {Promise<import("./types.js").Product[Path]>}
 */
export async function product(path) {
  built ??= buildIfStale();
  await built;
  return import(new URL(`../../dist/${path}`, import.meta.url).href);
}
