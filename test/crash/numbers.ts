/**
 * Small checkpoints whose numbers follow from their step, so that a reader can tell which save a file belongs to. Used in
 * tests and in the processes that they kill.
 */
import { uniform } from "../../src/base/random.js";
import type { NamedArray } from "../../src/base/named-arrays.js";
import type { Checkpoint, CheckpointKind, NetworkState } from "../../src/checkpoint/index.js";

/** Numbers after which they repeat: for tensors of real size. */
const longest = 2 ** 16;

function array(step: number, index: number, shape: readonly number[]): NamedArray {
  const count = shape.reduce((product, length) => product * length, 1);
  const block = uniform(step, "weights", index, Math.min(count, longest));
  if (count === block.length) return { shape, data: block };
  const data = new Float32Array(count);
  for (let at = 0; at < count; at += longest) data.set(block.subarray(0, count - at), at);
  return { shape, data };
}

/** Two tied names, one parameter without Adam state, one that Adam has met. */
function network(step: number, offset: number, size: number): NetworkState {
  const tied = array(step, offset, [3, size]);
  const conv = array(step, offset + 1, [size, 3, 3, 3]);
  const late = array(step, offset + 2, [size]);
  const entry = (index: number, shape: readonly number[]) => ({
    step,
    expAvg: array(step, offset + index, shape),
    expAvgSq: array(step, offset + index + 1, shape),
  });
  return {
    stateDict: new Map([
      ["initial_rgb.weight", tied],
      ["conv.weight", conv],
      ["rgb_layers.0.weight", tied],
      ["late.bias", late],
    ]),
    parameters: ["initial_rgb.weight", "conv.weight", "late.bias"],
    adam: {
      options: { lr: 1e-3, betas: [0, 0.99], eps: 1e-8 },
      entries: new Map([
        ["initial_rgb.weight", entry(10, [3, size])],
        ["conv.weight", entry(20, [size, 3, 3, 3])],
      ]),
    },
  };
}

/** @param size channels: the pair takes 728 bytes per channel, and about 20 KB */
export function sample(step: number, kind: CheckpointKind = "auto", size = 4): Checkpoint {
  return {
    kind,
    step,
    reason: `test ${step}`,
    networks: new Map([
      ["generator", network(step, 0, size)],
      ["critic", network(step, 100, size + 1)],
    ]),
    progress: {
      step,
      alpha: 0.25,
      resolution: 8,
      épocas: [1, 2.5, null, "ñ"],
      data: { hash: "abc", ok: true },
    },
  };
}

/** Replaces one number of a tensor by NaN. */
export function spoilt(checkpoint: Checkpoint): Checkpoint {
  for (const { stateDict } of checkpoint.networks.values()) stateDict.get("conv.weight")!.data[0] = NaN;
  return checkpoint;
}
