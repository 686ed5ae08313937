/**
 * Where the time of a training step goes: one table by operation, one of the costliest single nodes.
 *   npm run bench -- profile [CHANNELS RESOLUTION BATCH]
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { architectureOf, resolutionOf } from "../harness/configuration.mjs";
import { runAlone } from "../harness/options.mjs";
import { product } from "../harness/product.mjs";

/**
 * A line of ONNX Runtime's profile, as far as it is read.
 * @typedef {object} ProfileEvent
 * @property {string} name
 * @property {number} ts when it began, µs
 * @property {number} dur µs
 * @property {{ op_name: string, input_type_shape: Shapes, output_type_shape: Shapes }} args
 */
/** The shape of each value, by its type. @typedef {readonly Readonly<Record<string, readonly number[]>>[]} Shapes */

const runs = 4;

/**
 * @param {number} channels
 * @param {number} side
 * @param {number} batchSize
 * @returns {Promise<readonly ProfileEvent[]>} of `runs` runs and one before them
 */
async function profiled(channels, side, batchSize) {
  const ort = await product("engine/onnx-runtime.js");
  const { emit } = await product("engine/onnx/emit.js");
  const { oneClock, wholeStep } = await product("trainer/step-graph.js");
  const architecture = architectureOf(channels);
  const resolution = await resolutionOf(side);
  const clocks = oneClock(architecture, resolution);
  const model = emit(wholeStep({ architecture, resolution, batchSize, fading: true, clocks }), "cpu");
  const folder = mkdtempSync(join(tmpdir(), "guardapesos-profile-"));
  try {
    const session = await ort.InferenceSession.create(model, {
      intraOpNumThreads: 2,
      interOpNumThreads: 1,
      enableMemPattern: false,
      enableProfiling: true,
      profileFilePrefix: join(folder, "ort"),
    });
    const feeds = Object.fromEntries(
      session.inputMetadata.map((input) => {
        if (!input.isTensor) throw new Error(`${input.name} is no tensor`);
        const shape = input.shape.map(Number);
        const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, Math.random);
        return [input.name, new ort.Tensor("float32", data, shape)];
      }),
    );
    for (let i = 0; i <= runs; i++) await session.run(feeds);
    session.endProfiling();
    const [file] = readdirSync(folder);
    if (file === undefined) throw new Error("ONNX Runtime has written no profile");
    return JSON.parse(readFileSync(join(folder, file), "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param {string} title
 * @param {readonly ProfileEvent[]} kernels
 * @param {(event: ProfileEvent) => string} keyOf
 * @param {number} rows the most that are shown
 */
function show(title, kernels, keyOf, rows) {
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

const written = (/** @type {Shapes} */ shapes) =>
  shapes.map((value) => Object.values(value)[0]?.join("x")).join(" ");

/** @type {import("../harness/types.js").Case} */
const profile = {
  name: "profile",
  title: "Where a step's time goes",
  measures: "the time of each operation of a training step",
  peer: undefined,
  async run({ words, quick }) {
    const typed = words.filter((word) => !word.startsWith("--")).map(Number);
    const [channels, resolution, batchSize] = quick && typed.length === 0 ? [8, 8, 2] : typed;
    const events = await profiled(channels ?? 64, resolution ?? 32, batchSize ?? 16);
    // The first run, which also prepares the kernels, is left out.
    const [, second] = events.filter(({ name }) => name === "model_run");
    const from = second?.ts ?? Infinity;
    const kernels = events.filter(({ name, ts }) => name.endsWith("_kernel_time") && ts >= from);
    show("By operation", kernels, ({ args }) => args.op_name, 25);
    const withShapes = (/** @type {ProfileEvent} */ { args }) =>
      `${args.op_name} ${written(args.input_type_shape)} -> ${written(args.output_type_shape)}`;
    show("By operation and shapes", kernels, withShapes, 60);
    const milliseconds = kernels.reduce((sum, { dur }) => sum + dur, 0) / 1000 / runs;
    console.log(`Sum: ${milliseconds.toFixed(0)} ms a step, 2 threads`);
    return [];
  },
};
export default profile;

await runAlone(import.meta.url, profile);
