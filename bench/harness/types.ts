/** The shapes that cases, table, picture and result share. Types alone: the benchmark runs as it stands, without a build. */

/** A line of the table. `ours` and `peer` are medians, in `unit`. */
export interface Row {
  readonly what: string;
  /** Empty for a plain number. */
  readonly unit: string;
  readonly ours: number;
  /** (slowest - fastest) / median of our runs. */
  readonly spread: number;
  readonly runs: number;
  /** The most that the ratio, or `ours` where there is no peer, should be. */
  readonly goal?: number;
  readonly peer?: number;
  /** Who the peer is. */
  readonly against?: string;
  /** ours / peer. */
  readonly ratio?: number;
}

export interface Section {
  /** The name of its case. */
  readonly part: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface CaseOptions {
  /** The same code with tiny sizes: whether it works. */
  readonly quick: boolean;
  /** Where to write, which decides what disk is measured; undefined: the system's temporary folder. */
  readonly folder?: string | undefined;
  /** How often each contender runs; undefined: as often as the case finds right. */
  readonly rounds?: number | undefined;
  /** The words that were typed after the case's name, for a case that takes more than the above. */
  readonly words: readonly string[];
}

/** Something that is measured: one file in `cases/` each. */
export interface Case {
  /** What it is called in `npm run bench -- NAME`. */
  readonly name: string;
  /** Its heading in the table. */
  readonly title: string;
  /** What it measures, in a sentence. */
  readonly measures: string;
  /** What it is measured beside; undefined where there is nothing to compare with. */
  readonly peer: string | undefined;
  /** @returns the rows of the table; none where the case has printed by itself what it found */
  run(options: CaseOptions): Promise<readonly Row[]>;
}

/** What a result was measured on and with. */
export interface Machine {
  readonly slug: string;
  readonly cpu: string;
  readonly cores: number;
  readonly gigabytes: number;
  readonly system: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly pytorch: string | undefined;
  readonly commit: string | undefined;
  /** ISO 8601 in UTC. */
  readonly date: string;
}

/** What is written to `bench/results/`. */
export interface Result {
  readonly machine: Machine;
  readonly quick: boolean;
  readonly sections: readonly Section[];
}

/** The modules of the product that are measured from inside, by their path in the build. */
export interface Product {
  readonly "base/random.js": typeof import("../../src/base/random.js");
  readonly "checkpoint/index.js": typeof import("../../src/checkpoint/index.js");
  readonly "engine/cost.js": typeof import("../../src/engine/cost.js");
  readonly "engine/onnx-runtime.js": typeof import("../../src/engine/onnx-runtime.js");
  readonly "engine/onnx/emit.js": typeof import("../../src/engine/onnx/emit.js");
  readonly "engine/precision.js": typeof import("../../src/engine/precision.js");
  readonly "progan/batches.js": typeof import("../../src/progan/batches.js");
  readonly "progan/config.js": typeof import("../../src/progan/config.js");
  readonly "progan/image-folder.js": typeof import("../../src/progan/image-folder.js");
  readonly "progan/phantom.js": typeof import("../../src/progan/phantom.js");
  readonly "progan/schedule.js": typeof import("../../src/progan/schedule.js");
  readonly "thermal/model.js": typeof import("../../src/thermal/model.js");
  readonly "thermal/pacing.js": typeof import("../../src/thermal/pacing.js");
  readonly "thermal/policy.js": typeof import("../../src/thermal/policy.js");
  readonly "thermal/reading.js": typeof import("../../src/thermal/reading.js");
  readonly "thermal/thresholds.js": typeof import("../../src/thermal/thresholds.js");
  readonly "torch/index.js": typeof import("../../src/torch/index.js");
  readonly "training/mirror.js": typeof import("../../src/training/mirror.js");
  readonly "training/plan.js": typeof import("../../src/training/plan.js");
  readonly "trainer/step-graph.js": typeof import("../../src/trainer/step-graph.js");
  readonly "trainer/state.js": typeof import("../../src/trainer/state.js");
  readonly "trainer/trainer.js": typeof import("../../src/trainer/trainer.js");
}
