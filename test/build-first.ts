/** Workers and real processes run the build, so the build is made once before any test. */
import { buildIfStale } from "../bin/build.mjs";

export default async function setup(): Promise<void> {
  await buildIfStale();
}
