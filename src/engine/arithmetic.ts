/**
 * The version of the arithmetic that a step is computed with: raised whenever the same graph gives other bits than before.
 * A checkpoint remembers it, because going on exactly is possible under the same one alone.
 */
import type { Precision } from "./precision.js";
import type { Provider } from "./providers.js";

/**
 * 1: ONNX Runtime's convolutions, as on every device but the processor, and in half. 2: Winograd's, on images that lie as
 * (H, W, N, C).
 */
export function arithmeticOf(provider: Provider, precision: Precision): number {
  return provider === "cpu" && precision === "float32" ? 2 : 1;
}

/** That of checkpoints from before it was remembered. */
export const firstArithmetic = 1;
