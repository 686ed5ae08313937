/**
 * Where the time of a training step goes: `npm run bench -- --profile`, or alone
 * `node bench/profile.mjs CHANNELS RESOLUTION BATCH`. One table by operation, one of the costliest single nodes.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildIfStale } from "../bin/build.mjs";

await buildIfStale();
const ort = await import("../dist/engine/onnx-runtime.js");
const { emit } = await import("../dist/engine/onnx/emit.js");
const { oneClock, wholeStep } = await import("../dist/training/step-graph.js");

const [channels = 64, resolution = 32, batchSize = 16] = process.argv.slice(2).map(Number);
const architecture = { latent: channels, channels, imageChannels: 3 };
const clocks = oneClock(architecture, resolution);
const model = emit(wholeStep({ architecture, resolution, batchSize, fading: true, clocks }), "cpu");
const folder = mkdtempSync(join(tmpdir(), "guardapesos-profile-"));
const session = await ort.InferenceSession.create(model, {
  intraOpNumThreads: 2,
  interOpNumThreads: 1,
  enableMemPattern: false,
  enableProfiling: true,
  profileFilePrefix: join(folder, "ort"),
});
const feeds = Object.fromEntries(
  session.inputMetadata.map(({ name, shape }) => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, Math.random);
    return [name, new ort.Tensor("float32", data, shape)];
  }),
);
const runs = 4;
for (let i = 0; i <= runs; i++) await session.run(feeds);
session.endProfiling();
const events = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]), "utf8"));
rmSync(folder, { recursive: true });

// The first run, which also prepares the kernels, is left out.
const starts = events.filter(({ name }) => name === "model_run").map(({ ts }) => ts);
const kernels = events.filter(({ name, ts }) => name.endsWith("_kernel_time") && ts >= starts[1]);
function table(title, keyOf, rows) {
  const sums = new Map();
  for (const event of kernels) {
    const key = keyOf(event);
    const sum = sums.get(key) ?? { milliseconds: 0, nodes: 0 };
    sum.milliseconds += event.dur / 1000 / runs;
    sum.nodes += 1 / runs;
    sums.set(key, sum);
  }
  const sorted = [...sums].sort(([, a], [, b]) => b.milliseconds - a.milliseconds).slice(0, rows);
  console.log(title);
  console.table(Object.fromEntries(sorted.map(([key, { milliseconds, nodes }]) => [key, { milliseconds: Number(milliseconds.toFixed(2)), nodes }]))); // prettier-ignore
}
const shapes = (list) => list.map((one) => Object.values(one)[0].join("x")).join(" ");
table("By operation", ({ args }) => args.op_name, 25);
table("By operation and shapes", ({ args }) => `${args.op_name} ${shapes(args.input_type_shape)} -> ${shapes(args.output_type_shape)}`, 60); // prettier-ignore
console.log(
  `Sum: ${(kernels.reduce((sum, { dur }) => sum + dur, 0) / 1000 / runs).toFixed(0)} ms a step, 2 threads`,
);
