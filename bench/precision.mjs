/**
 * `npm run bench -- precision`: what mixed precision makes of a step, counted from its graphs and from nothing that runs: ONNX
 * nodes and casts, the share of the work that is done in half, and memory at least.
 */
import { buildIfStale } from "../bin/build.mjs";

await buildIfStale();
const { costOf } = await import("../dist/engine/cost.js");
const { halfNodes } = await import("../dist/engine/precision.js");
const { lowerGraph } = await import("../dist/engine/onnx/emit.js");
const { criticGradients, generatorGradients, oneClock, wholeStep } =
  await import("../dist/training/step-graph.js");

/** channels, resolution, batch size: those of the bench of steps, and the hungriest of the presets. */
const configurations = [
  [64, 32, 16],
  [128, 64, 8],
  [512, 16, 12],
  [256, 128, 6],
  [256, 1024, 1],
];

const sum = (values) => values.reduce((a, b) => a + b, 0);
const nodesOf = (graphs, precision) =>
  graphs.map((outputs) => {
    const halves = precision === "mixed" ? halfNodes([...outputs.values()]) : undefined;
    return lowerGraph(outputs, "gpu", halves).nodes;
  });

console.table(
  configurations.map(([channels, resolution, batchSize]) => {
    const architecture = { latent: channels, channels, imageChannels: 3 };
    const clocks = oneClock(architecture, resolution);
    const shape = { architecture, resolution, batchSize, fading: true, clocks };
    const whole = costOf([...wholeStep(shape).values()]);
    const graphs = [criticGradients, generatorGradients].map((make) => make({ ...shape, scaled: true }));
    const costs = (precision) => graphs.map((outputs) => costOf([...outputs.values()], precision));
    const [float32, mixed] = [costs("float32"), costs("mixed")];
    const peak = (some) => Math.max(...some.map(({ memory }) => memory));
    const flops = sum(mixed.map((cost) => cost.flops));
    const nodes = nodesOf(graphs, "mixed").flat();
    return {
      step: `c${channels} ${resolution}x${resolution} b${batchSize}`,
      "nodes, float32": nodesOf(graphs, "float32").flat().length,
      mixed: nodes.length,
      casts: nodes.filter(({ type }) => type === "Cast").length,
      "work in half": (sum(mixed.map((cost) => cost.halfFlops)) / flops).toFixed(4),
      "work / one graph": (flops / whole.flops).toFixed(3),
      "MB, one graph": Math.round(whole.memory / 1e6),
      "MB, two": Math.round(peak(float32) / 1e6),
      "MB, mixed": Math.round(peak(mixed) / 1e6),
      "traffic / float32": (
        sum(mixed.map((cost) => cost.traffic)) / sum(float32.map((cost) => cost.traffic))
      ).toFixed(2),
    };
  }),
);
