/**
 * Makes all batches of two epochs, nearly none of whose images fit in memory, with the temporary folder that the
 * environment names; tells as JSON lines how far it is, and at last the SHA-256 of the batches.
 *   node two-epochs.mjs CACHE_BYTES
 */
import { createHash } from "node:crypto";
import { createBatches } from "../../dist/progan/batches.js";
import { openPhantoms } from "../../dist/progan/phantom.js";

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const size = 8;

const source = openPhantoms({
  count: 240,
  seed: 42,
  channels: 3,
  cacheBytes: Number(process.argv[2]),
  onUncached: (uncached) => tell({ uncached }),
});
const images = await source.prepare(64, { onProgress: (done) => tell({ loaded: done }) });
const places = [0, 1].flatMap((epochKey) =>
  Array.from({ length: images.count / size }, (_, i) => ({ epochKey, start: i * size, size })),
);
const batches = createBatches(images, 42);
const hash = createHash("sha256");
for (const [done, place] of places.entries()) {
  batches.prefetch(places.slice(done, done + 2));
  hash.update(await batches.at(place));
  tell({ done });
}
await source.releaseDisk();
tell({ hash: hash.digest("hex") });
