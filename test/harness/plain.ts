/** Files as a user's PyTorch script saves them. */
import { join } from "node:path";
import type { Checkpoint } from "../../src/checkpoint/index.js";
import {
  dict,
  float32Tensor,
  orderedDict,
  pythonFloat,
  tuple,
  writeTorchFile,
  type TorchValue,
} from "../../src/torch/index.js";

/**
 * Writes the networks as a user's script does.
 * @param adam whether with its state, for the parameters that have one; or as SGD keeps it
 * @param options of its group, over those that training here has
 */
export async function writePlainPair(
  folder: string,
  { networks }: Checkpoint,
  adam: boolean | "SGD",
  options: Readonly<Record<string, TorchValue>> = {},
  nameOf = (network: string): string => `${network}_old.pth`,
): Promise<string> {
  for (const [network, { stateDict, parameters, adam: memory }] of networks) {
    const content: [string, TorchValue][] = [
      [
        "state_dict",
        orderedDict([...stateDict].map(([name, { shape, data }]) => [name, float32Tensor(shape, data)])),
      ],
    ];
    if (adam !== false) {
      const state = new Map<TorchValue, TorchValue>();
      for (const [name, { step, expAvg, expAvgSq }] of memory!.entries) {
        const moments = {
          step: float32Tensor([], Float32Array.of(step)),
          exp_avg: float32Tensor(expAvg.shape, expAvg.data),
          exp_avg_sq: float32Tensor(expAvgSq.shape, expAvgSq.data),
        };
        const momentum = { momentum_buffer: moments.exp_avg };
        state.set(parameters.indexOf(name), dict(adam === "SGD" ? momentum : moments));
      }
      const group = dict({
        lr: pythonFloat(1e-3),
        betas: tuple(pythonFloat(0), pythonFloat(0.99)),
        eps: pythonFloat(1e-8),
        ...options,
        params: [...parameters.keys()],
      });
      content.push(["optimizer", dict({ state, param_groups: [group] })]);
    }
    await writeTorchFile(join(folder, nameOf(network)), orderedDict(content));
  }
  return join(folder, nameOf("generator"));
}
