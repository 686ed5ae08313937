/**
 * A program of its own, run by device.ts: finds out whether WebGPU works here. Being another process, it can fail in any
 * way without harm, and its log, in which ONNX Runtime lists the hardware, does not reach the user's screen.
 */
import * as ort from "./onnx-runtime.js";
import { createGraph, input } from "./graph.js";
import { add } from "./ops.js";
import { createSession } from "./session.js";

ort.env.logLevel = "info";
const x = input(createGraph(), "x", [1]);
const session = await createSession("a probe", new Map([["y", add(x, x)]]), {
  provider: "webgpu",
  threads: 1,
});
await session.release();
