import { expect, it } from "vitest";
import { tensorOver } from "../torch/tensor.js";
import type { TorchStorage } from "../torch/index.js";
import { readFloat32 } from "./tensor-array.js";

it("more numbers than any network has are refused by the tensor's name before they are read", async () => {
  const storage = {
    kind: "storage",
    dtype: "uint8",
    length: 2.2e9,
    location: "cpu",
    identity: {},
  } as TorchStorage;
  const view = { dtype: "uint8", shape: [2.2e9], strides: [1], offset: 0, storage, requiresGrad: false, parameter: false } as const; // prettier-ignore
  await expect(readFloat32(tensorOver(view), "big.pth", "conv.weight")).rejects.toMatchObject({
    code: "TORCH_FILE_UNSUPPORTED",
    data: { file: "big.pth", feature: "size", where: { record: "conv.weight" }, bytes: 8.8e9 },
  });
});
