/**
 * The engine's thread with a fault in it: PLANTED_FAULT="KIND N" comes at the N-th graph that it runs, where a driver or
 * the system would have it.
 */
import { setTimeout as wait } from "node:timers/promises";
import { InferenceSession } from "../../dist/engine/onnx-runtime.js";

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
InferenceSession.prototype.run = async function (...given) {
  if (++runs === Number(at)) return faults[kind]();
  // So long that copying the state before it costs next to nothing, also on a busy machine.
  await wait(100);
  return run.apply(this, given);
};

await import("../../dist/training/engine-worker.js");
