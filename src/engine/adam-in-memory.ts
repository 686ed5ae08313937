/**
 * Adam over arrays in memory: the update of `adam.ts` bit for bit, every operation rounded to float32 as in the graph. One
 * pass, and no copies of what the engine would otherwise have to hand out.
 *
 * The pass runs in WebAssembly SIMD, which reaches no memory but its own, so the numbers go through it in blocks that the
 * processor's cache holds. Where there is no such thing (`node --jitless`, a processor without SIMD) a plain loop computes.
 */
import { invariant } from "../base/invariant.js";
import type { AdamHyperparameters } from "./adam.js";

export type Floats = Float32Array<ArrayBuffer>;

/** One update with beta1 = 0. @param into where the new parameter and second moment go: the same arrays, or others */
export type AdamUpdate = (
  parameter: Floats,
  gradient: Floats,
  second: Floats,
  clock: { readonly rate: number; readonly correction: number },
  hyperparameters: AdamHyperparameters,
  into: { readonly parameter: Floats; readonly second: Floats },
) => void;

/** The plain loop. */
export const adamByLoop: AdamUpdate = (parameter, gradient, second, clock, { betas, eps }, into) => {
  const { fround } = Math;
  const [kept, fresh, epsilon] = [fround(betas[1]), fround(1 - betas[1]), fround(eps)];
  const [rate, correction] = [fround(clock.rate), fround(clock.correction)];
  const [nextParameter, nextSecond] = [into.parameter, into.second];
  for (let i = 0; i < parameter.length; i++) {
    const slope = gradient[i]!;
    const moment = fround(fround(second[i]! * kept) + fround(fround(slope * slope) * fresh));
    const spread = fround(fround(fround(Math.sqrt(moment)) / correction) + epsilon);
    nextSecond[i] = moment;
    nextParameter[i] = fround(parameter[i]! - fround(rate * fround(slope / spread)));
  }
};

/** `adam.wat`, assembled. */
export const adamModule =
  "AGFzbQEAAAABDQFgCX9/f399fX19fQADAgEABQMBAAYHEQIGbWVtb3J5AgAEYWRhbQAACoQBAYEBAQJ7A0AgAf0ABAAhCSAC/QAEACAE/RP95gEg" +
  "CSAJ/eYBIAX9E/3mAf3kASEKIAIgCv0LBAAgACAA/QAEACAG/RMgCSAK/eMBIAf9E/3nASAI/RP95AH95wH95gH95QH9CwQAIABBEGohACABQRBq" +
  "IQEgAkEQaiECIAAgA0kNAAsL";

/** Numbers in a block: three blocks fill the module's memory, and fit in a second-level cache. */
export const adamBlock = 32_768;
const blockBytes = 4 * adamBlock;

/** What is used of the standard's WebAssembly; Node's types leave it out. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

interface AdamExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly adam: (...addressesThenNumbers: number[]) => void;
}

/** The pass in WebAssembly; undefined where it cannot be had. Each thread needs its own. */
export function createSimdAdam(): AdamUpdate | undefined {
  let exports: AdamExports;
  try {
    const { WebAssembly: api } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
    exports = new api.Instance(new api.Module(Buffer.from(adamModule, "base64"))).exports as AdamExports;
  } catch {
    return undefined;
  }
  const memory = new Float32Array(exports.memory.buffer);
  const [parameterAt, gradientAt, secondAt] = [0, adamBlock, 2 * adamBlock];
  return (parameter, gradient, second, { rate, correction }, { betas, eps }, into) => {
    for (let start = 0; start < parameter.length; start += adamBlock) {
      const end = Math.min(start + adamBlock, parameter.length);
      memory.set(parameter.subarray(start, end), parameterAt);
      memory.set(gradient.subarray(start, end), gradientAt);
      memory.set(second.subarray(start, end), secondAt);
      const bytes = 4 * (end - start);
      exports.adam(0, blockBytes, 2 * blockBytes, bytes, betas[1], 1 - betas[1], rate, correction, eps);
      into.parameter.set(memory.subarray(parameterAt, parameterAt + end - start), start);
      into.second.set(memory.subarray(secondAt, secondAt + end - start), start);
    }
  };
}

const update = createSimdAdam() ?? adamByLoop;

/**
 * One update of arrays in memory.
 * REQUIRES: beta1 is 0, so the first moment is the gradient itself and is not written.
 */
export const adamInMemory: AdamUpdate = (parameter, gradient, second, clock, hyperparameters, into) => {
  invariant(hyperparameters.betas[0] === 0, "the first moment is the gradient");
  update(parameter, gradient, second, clock, hyperparameters, into);
};
