/**
 * The engine's thread with a fault in it: PLANTED_FAULT="KIND N" comes at the N-th graph that it runs, where a driver or
 * the system would have it.
 */
import { InferenceSession } from "onnxruntime-node";

const [kind, at] = process.env.PLANTED_FAULT.split(" ");

const faults = {
  hang: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  die: () => {
    setTimeout(() => {
      throw new Error("planted: the driver took the thread with it");
    });
    return new Promise(() => undefined);
  },
  exit: () => process.exit(9),
  memory: () => {
    throw new Error("planted: std::bad_alloc");
  },
};

const { run } = InferenceSession.prototype;
let runs = 0;
InferenceSession.prototype.run = function (...given) {
  return ++runs === Number(at) ? faults[kind]() : run.apply(this, given);
};

await import("../../dist/training/engine-worker.js");
