/** What a training will cost, before it begins: counted from the graphs that it would run. Pure. */
import { defaultRetention } from "../checkpoint/index.js";
import { costOf } from "../engine/cost.js";
import type { Precision } from "../engine/precision.js";
import { sizeOf } from "../base/named-arrays.js";
import { resolutions, type Resolution, type TrainingConfig } from "../progan/config.js";
import { activeParameters, networks, parametersOf, stepsOf, type Network } from "../progan/parameters.js";
import { batchesIn, batchesPerStep, batchSizeAt, epochsAt } from "../progan/schedule.js";
import {
  criticGradients,
  generation,
  generatorGradients,
  oneClock,
  updateStep,
  wholeStep,
  type Outputs,
  type StepShape,
} from "../trainer/step-graph.js";
import { previewBatch } from "./preview.js";
import { parameterCounts } from "../trainer/state.js";

export interface StagePlan {
  readonly resolution: Resolution;
  readonly epochs: number;
  readonly batchSize: number;
  /** Batches whose gradients make one step. */
  readonly accumulate: number;
  /** Batches in an epoch. */
  readonly batches: number;
  /** Floating-point operations of a whole step, and of an epoch. */
  readonly stepFlops: number;
  readonly epochFlops: number;
  /**
   * Bytes that training needs at least: a step's inputs, the most of its values that are alive at once, and what the
   * preview takes beside them.
   */
  readonly memory: number;
  /** Bytes of a checkpoint's numbers at the end of this resolution: both networks with Adam's memory. */
  readonly checkpoint: number;
}

export interface TrainingPlan {
  readonly images: number;
  readonly parameters: Record<Network, number>;
  readonly stages: readonly StagePlan[];
  readonly flops: number;
  /** Of the hungriest resolution. */
  readonly memory: number;
  /** With what engines take beyond that. */
  readonly memoryAtMost: number;
  /** Bytes that the checkpoints take on disk at most, backups left out: what is kept, one being written, the ballast. */
  readonly disk: number;
}

/** The graphs of one step, each with how often it runs. */
function graphsOf(
  config: TrainingConfig,
  resolution: Resolution,
): (readonly [graph: Outputs, times: number, computing: Precision])[] {
  const { precision } = config;
  const scaled = precision === "mixed";
  const clocks = oneClock(config, resolution);
  const batchSize = batchSizeAt(config, resolution);
  const shape: StepShape = { architecture: config, resolution, batchSize, fading: true, clocks, scaled };
  const times = batchesPerStep(config, resolution);
  if (times === 1 && !scaled) return [[wholeStep(shape), 1, precision]];
  return [
    [criticGradients(shape), times, precision],
    [generatorGradients(shape), times, precision],
    ...networks.map((network) => [updateStep(shape, network), 1, "float32"] as const),
  ];
}

/** The plan's resolutions up to `end`. */
const resolutionsTo = ({ start }: TrainingConfig, end: Resolution): Resolution[] =>
  resolutions.filter((one) => one >= start && one <= end);

/** Every parameter, and two moments for those that training has reached by then. */
function checkpointBytes(config: TrainingConfig, end: Resolution): number {
  return networks
    .flatMap((network) => {
      const trained = new Set(
        resolutionsTo(config, end).flatMap((one) =>
          activeParameters(network, config, stepsOf(one)).map(({ name }) => name),
        ),
      );
      return parametersOf(network, config).map(
        ({ name, shape }) => 4 * sizeOf(shape) * (trained.has(name) ? 3 : 1),
      );
    })
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** Engines keep values for longer than they are needed, and blocks that are free: 2.1 times the count was seen. */
const engineFactor = 2.5;

/** Of the values alone: the weights are those of the step, whose memory the engine keeps meanwhile. */
function previewMemory(config: TrainingConfig, resolution: Resolution): number {
  const batchSize = previewBatch(config, resolution);
  const shape = { architecture: config, resolution, batchSize, fading: true };
  const { memory, inputs } = costOf([...generation(shape).values()]);
  return memory - inputs;
}

function stageOf(config: TrainingConfig, resolution: Resolution, images: number): StagePlan {
  const graphs = graphsOf(config, resolution).map(([outputs, times, computing]) => ({
    cost: costOf([...outputs.values()], computing),
    times,
  }));
  const stepFlops = graphs.reduce((sum, { cost, times }) => sum + times * cost.flops, 0);
  const batches = batchesIn(config, resolution, images);
  const accumulate = batchesPerStep(config, resolution);
  return {
    resolution,
    epochs: epochsAt(config, resolution),
    batchSize: batchSizeAt(config, resolution),
    accumulate,
    batches,
    stepFlops,
    epochFlops: (stepFlops * batches) / accumulate,
    memory: Math.max(...graphs.map(({ cost }) => cost.memory)) + previewMemory(config, resolution),
    checkpoint: checkpointBytes(config, resolution),
  };
}

/** @param images in an epoch */
export function planTraining(config: TrainingConfig, images: number): TrainingPlan {
  const stages = resolutionsTo(config, config.end).map((resolution) => stageOf(config, resolution, images));
  const largest = Math.max(...stages.map(({ checkpoint }) => checkpoint));
  const { autos, epochs } = defaultRetention;
  const finished = stages.reduce((sum, { checkpoint }) => sum + checkpoint, 0);
  const memory = Math.max(...stages.map((stage) => stage.memory));
  return {
    images,
    parameters: parameterCounts(config),
    stages,
    flops: stages.reduce((sum, stage) => sum + stage.epochs * stage.epochFlops, 0),
    memory,
    memoryAtMost: engineFactor * memory,
    disk: finished + (autos + epochs + 2) * largest,
  };
}
