/**
 * What mixed precision makes of a step, counted from its graphs and from nothing that runs: ONNX nodes and casts, the share of
 * the work that is done in half, and memory at least.
 *   npm run bench -- precision
 */
import { architectureOf, resolutionOf } from "../harness/configuration.mjs";
import { runAlone } from "../harness/options.mjs";
import { product } from "../harness/product.mjs";

const { costOf } = await product("engine/cost.js");
const { halfNodes } = await product("engine/precision.js");
const { lowerGraph } = await product("engine/onnx/emit.js");
const { criticGradients, generatorGradients, oneClock, wholeStep } = await product("trainer/step-graph.js");

/** @typedef {import("../../src/trainer/step-graph.js").Outputs} Outputs */
/** @typedef {"float32" | "mixed"} Precision */

/**
 * channels, resolution, batch size: those of the case `steps`, and the hungriest of the presets
 * @type {readonly [number, number, number][]}
 */
const full = [
  [64, 32, 16],
  [128, 64, 8],
  [512, 16, 12],
  [256, 128, 6],
  [256, 1024, 1],
];

const sum = (/** @type {readonly number[]} */ values) => values.reduce((a, b) => a + b, 0);

/**
 * @param {readonly Outputs[]} graphs
 * @param {Precision} precision
 */
const nodesOf = (graphs, precision) =>
  graphs.flatMap((outputs) => {
    const halves = precision === "mixed" ? halfNodes([...outputs.values()]) : undefined;
    return lowerGraph(outputs, "gpu", halves).nodes;
  });

/** @param {readonly [number, number, number]} configuration */
async function counted([channels, side, batchSize]) {
  const architecture = architectureOf(channels);
  const resolution = await resolutionOf(side);
  const clocks = oneClock(architecture, resolution);
  const shape = { architecture, resolution, batchSize, fading: true, clocks };
  const whole = costOf([...wholeStep(shape).values()]);
  const graphs = [criticGradients, generatorGradients].map((make) => make({ ...shape, scaled: true }));
  const costs = (/** @type {Precision} */ precision) =>
    graphs.map((outputs) => costOf([...outputs.values()], precision));
  const [float32, mixed] = [costs("float32"), costs("mixed")];
  const peak = (/** @type {typeof mixed} */ some) => Math.max(...some.map(({ memory }) => memory));
  const traffic = (/** @type {typeof mixed} */ some) => sum(some.map((cost) => cost.traffic));
  const flops = sum(mixed.map((cost) => cost.flops));
  const nodes = nodesOf(graphs, "mixed");
  return {
    step: `c${channels} ${resolution}x${resolution} b${batchSize}`,
    "nodes, float32": nodesOf(graphs, "float32").length,
    mixed: nodes.length,
    casts: nodes.filter(({ type }) => type === "Cast").length,
    "work in half": (sum(mixed.map((cost) => cost.halfFlops)) / flops).toFixed(4),
    "work / one graph": (flops / whole.flops).toFixed(3),
    "MB, one graph": Math.round(whole.memory / 1e6),
    "MB, two": Math.round(peak(float32) / 1e6),
    "MB, mixed": Math.round(peak(mixed) / 1e6),
    "traffic / float32": (traffic(mixed) / traffic(float32)).toFixed(2),
  };
}

/** @type {import("../harness/types.js").Case} */
const precision = {
  name: "precision",
  title: "Mixed precision",
  measures: "what mixed precision makes of a step, counted from its graphs",
  peer: "the same step in float32",
  async run({ quick }) {
    /** @type {typeof full} */
    const configurations = quick ? [[8, 8, 2]] : full;
    console.table(await Promise.all(configurations.map(counted)));
    return [];
  },
};
export default precision;

await runAlone(import.meta.url, precision);
