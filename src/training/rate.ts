/** How fast this machine computes training steps: measured on a small one. */
import { costOf } from "../engine/cost.js";
import { isInput, reachable } from "../engine/graph.js";
import { createSession, deviceCopy, dispose, type EngineOptions } from "../engine/session.js";
import { sizeOf } from "../base/named-arrays.js";
import { uniform } from "../base/random.js";
import { oneClock, wholeStep } from "../trainer/step-graph.js";

const architecture = { latent: 128, channels: 128, imageChannels: 3 };
const resolution = 16;
const batchSize = 16;
const leastSeconds = 1.5;

/**
 * Floating-point operations a second in the step of a net with 128 channels at 16x16; wider layers run faster, narrower
 * ones slower. Takes a few seconds.
 * @throws DEVICE_UNAVAILABLE, ENGINE_MEMORY, ENGINE_FAILED
 */
export async function measureRate(engine: EngineOptions): Promise<number> {
  const clocks = oneClock(architecture, resolution);
  const outputs = wholeStep({ architecture, resolution, batchSize, fading: true, clocks });
  const nodes = [...outputs.values()];
  const inputs = reachable(nodes).filter(isInput);
  const session = await createSession("a measuring step", outputs, engine, new Set(["losses"]));
  const copy = deviceCopy(engine);
  const feeds = await copy.upload(
    new Map(
      inputs.map(({ attributes: { name, shape } }, i) => [
        name,
        { shape, data: uniform(1, "weights", i, sizeOf(shape)) },
      ]),
    ),
  );
  const step = async (): Promise<void> => {
    dispose((await session.run(feeds)).values());
  };
  await step();
  let steps = 0;
  const started = performance.now();
  let seconds: number;
  do {
    await step();
    steps++;
    seconds = (performance.now() - started) / 1000;
  } while (seconds < leastSeconds);
  dispose(feeds.values());
  await session.release();
  await copy.release();
  return (costOf(nodes).flops * steps) / seconds;
}
