/** Which provider to compute on. "auto" takes a real GPU if one is there, never a software adapter, else the CPU. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { availableParallelism } from "node:os";
import { GuardapesosError } from "../base/errors.js";
import { workerEntry } from "../base/worker-entry.js";
import type { Provider } from "./providers.js";
import { builtInProviders } from "./session.js";

/** PCI vendors that make GPUs: NVIDIA, AMD, Intel, Apple, Qualcomm. Not Microsoft's software adapter, nor servers' consoles. */
const gpuVendors = [0x10de, 0x1002, 0x8086, 0x106b, 0x5143, 0x4d4f4351];

/** Vulkan drivers that compute on the CPU. */
const softwareDriver = /swiftshader|lavapipe|lvp_icd/i;

/** Whether ONNX Runtime's log lists a real GPU (type 1). */
export function logNamesGpu(log: string): boolean {
  const found = log.matchAll(/Discovered OrtHardwareDevice \{vendor_id:0x([0-9a-f]+),.*?type:(\d+)/gi);
  return [...found].some(([, vendor, type]) => type === "1" && gpuVendors.includes(parseInt(vendor!, 16)));
}

const probeTimeout = 20_000;

/** Runs the probe. Any failure is a no. */
function webgpuWorks(): Promise<boolean> {
  if (
    softwareDriver.test(`${process.env["VK_ICD_FILENAMES"] ?? ""}${process.env["VK_DRIVER_FILES"] ?? ""}`)
  ) {
    return Promise.resolve(false);
  }
  return new Promise((resolve) => {
    const program = fileURLToPath(workerEntry(import.meta.url, "./probe.js"));
    execFile(
      process.execPath,
      [program],
      { timeout: probeTimeout, windowsHide: true },
      (error, stdout, stderr) => {
        resolve(error === null && logNamesGpu(stdout + stderr));
      },
    );
  });
}

/**
 * The provider for a wish.
 * @throws DEVICE_UNAVAILABLE when a provider is asked for that is not in the installed ONNX Runtime (whether the machine
 *   has its hardware and driver shows when the first session is created)
 */
export async function resolveDevice(wish: Provider | "auto"): Promise<Provider> {
  const available = builtInProviders();
  if (wish === "auto") return available.includes("webgpu") && (await webgpuWorks()) ? "webgpu" : "cpu";
  if (!available.includes(wish)) {
    const reason = `not in ONNX Runtime for ${process.platform} ${process.arch}`;
    throw new GuardapesosError("DEVICE_UNAVAILABLE", { device: wish, available, reason });
  }
  return wish;
}

/** Threads for the CPU provider when nobody says: one per core, as far as the process may use them. */
export function defaultThreads(): number {
  return availableParallelism();
}
