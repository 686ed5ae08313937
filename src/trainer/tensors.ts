/** Tensors by the names of the graphs' inputs and outputs. */
import { fromEngine, toEngine, type EngineTensor } from "../engine/session.js";

export type Tensors = Map<string, EngineTensor>;

export const scalar = (value: number): EngineTensor => toEngine({ shape: [], data: Float32Array.of(value) });

/** REQUIRES: they are in memory. */
export const memoryOf = (tensors: Tensors): ArrayBuffer[] =>
  [...tensors.values()].map((tensor) => fromEngine(tensor).data.buffer);
