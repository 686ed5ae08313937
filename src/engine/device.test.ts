import { describe, expect, it } from "vitest";
import { logNamesGpu, resolveDevice } from "./device.js";

const line = (vendor: string, type: number): string =>
  `2026-11-24 07:21:04 [I:onnxruntime:onnxruntime-node, device_discovery_common.cc:34 operator()] Discovered OrtHardwareDevice {vendor_id:${vendor}, device_id:0x2484, vendor:X, type:${type}, metadata: []}`;

describe("the device", () => {
  it("takes what ONNX Runtime's log calls a GPU of a maker of GPUs for one", () => {
    expect(logNamesGpu(line("0x10de", 1))).toBe(true);
    expect(logNamesGpu(`${line("0x1022", 0)}\n${line("0x8086", 1)}`)).toBe(true);
  });

  it("does not take processors, consoles of servers and software adapters for one", () => {
    expect(logNamesGpu("")).toBe(false);
    expect(logNamesGpu(line("0x8086", 0))).toBe(false);
    expect(logNamesGpu(line("0x1a03", 1))).toBe(false);
    expect(logNamesGpu(line("0x1414", 1))).toBe(false);
  });

  it("says which providers there are when one is asked for that is not installed", async () => {
    const missing = process.platform === "linux" ? "dml" : "cuda";
    await expect(resolveDevice(missing)).rejects.toMatchObject({
      code: "DEVICE_UNAVAILABLE",
      data: { device: missing, available: expect.arrayContaining(["cpu"]) as string[] },
    });
  });
});
