/**
 * NVML, NVIDIA's management library, through koffi. Only the functions that every version since 2016 has; one that is not
 * there, or that a card does not support, leaves its figure unknown.
 * https://docs.nvidia.com/deploy/nvml-api/
 */
import koffi, { type LibraryHandle } from "koffi";
import { reasonOf } from "../../base/errors.js";
import { slowdownOf, type Given } from "../reading.js";

/** Where the driver puts it. */
export function libraryNames(
  platform: string,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  if (platform !== "win32") return ["libnvidia-ml.so.1", "libnvidia-ml.so"];
  const { SystemRoot = "C:\\Windows", ProgramFiles = "C:\\Program Files" } = environment;
  return [
    `${SystemRoot}\\System32\\nvml.dll`,
    `${ProgramFiles}\\NVIDIA Corporation\\NVSMI\\nvml.dll`,
    "nvml.dll",
  ];
}

type TypeSpec = Parameters<typeof koffi.out>[0];

export interface Nvml {
  /** One entry for each card, in NVML's order. Throws when the driver is gone. */
  read(): readonly Given[];
}

const [success, notSupported, noPermission, functionNotFound] = [0, 3, 4, 13];
const [gpuTemperature, graphicsClock, memoryClock, shutdownThreshold, slowdownThreshold] = [0, 0, 2, 0, 1];

function load(names: readonly string[]): LibraryHandle {
  let reason: unknown;
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch (error) {
      reason = error;
    }
  }
  throw new Error(`${names.join(", ")}: ${reasonOf(reason)}`);
}

/** Opens the first of these libraries that is there. @throws why there is none, or what its initialisation says */
export function openNvml(names: readonly string[]): Nvml {
  const library = load(names);
  const handle = koffi.pointer(koffi.opaque());
  const utilisation = koffi.struct({ gpu: "uint32", memory: "uint32" });
  const memory = koffi.struct({ total: "uint64", free: "uint64", used: "uint64" });

  const text = library.func("nvmlErrorString", "str", ["int"]);
  const check = (code: number): void => {
    if (code !== success) throw new Error(`NVML: ${String(text(code))}`);
  };

  /** A function that gives one value through its last parameter; without it, or without support, undefined. */
  function getter(name: string, inputs: TypeSpec[], output: TypeSpec) {
    let call: ReturnType<LibraryHandle["func"]> | undefined;
    try {
      call = library.func(name, "int", [...inputs, koffi.out(koffi.pointer(output))]);
    } catch {
      // An older library.
    }
    return (...given: unknown[]): unknown => {
      const out: [unknown] = [undefined];
      const code = call === undefined ? functionNotFound : Number(call(...given, out));
      if ([notSupported, noPermission, functionNotFound].includes(code)) return undefined;
      check(code);
      return out[0] ?? undefined;
    };
  }

  const count = getter("nvmlDeviceGetCount_v2", [], "uint32");
  const byIndex = getter("nvmlDeviceGetHandleByIndex_v2", ["uint32"], handle);
  const name = library.func("nvmlDeviceGetName", "int", [
    handle,
    koffi.out(koffi.pointer("char", 1)),
    "uint32",
  ]);
  const temperature = getter("nvmlDeviceGetTemperature", [handle, "int"], "uint32");
  const threshold = getter("nvmlDeviceGetTemperatureThreshold", [handle, "int"], "uint32");
  const power = getter("nvmlDeviceGetPowerUsage", [handle], "uint32");
  const rates = getter("nvmlDeviceGetUtilizationRates", [handle], utilisation);
  const memoryInfo = getter("nvmlDeviceGetMemoryInfo", [handle], memory);
  const fan = getter("nvmlDeviceGetFanSpeed", [handle], "uint32");
  const clock = getter("nvmlDeviceGetClockInfo", [handle, "int"], "uint32");
  const reasons = getter("nvmlDeviceGetCurrentClocksThrottleReasons", [handle], "uint64");

  check(Number(library.func("nvmlInit_v2", "int", [])()));

  const cardOf = (index: number): Given => {
    const card = byIndex(index);
    const letters = Buffer.alloc(96);
    const named = Number(name(card, letters, letters.length)) === success;
    const inUse = memoryInfo(card) as { total: unknown; used: unknown } | undefined;
    const mask = reasons(card) as number | bigint | undefined;
    return {
      card: named ? letters.toString("utf8").replace(/\0.*$/s, "") : undefined,
      temperature: scaled(temperature(card, gpuTemperature)),
      power: scaled(power(card), 1000),
      utilisation: scaled((rates(card) as { gpu: unknown } | undefined)?.gpu, 100),
      memoryUsed: scaled(inUse?.used),
      memoryTotal: scaled(inUse?.total),
      fan: scaled(fan(card), 100),
      clock: scaled(clock(card, graphicsClock)),
      memoryClock: scaled(clock(card, memoryClock)),
      slowdown: mask === undefined ? undefined : slowdownOf(BigInt(mask)),
      slowdownAt: scaled(threshold(card, slowdownThreshold)),
      shutdownAt: scaled(threshold(card, shutdownThreshold)),
    };
  };
  return {
    read() {
      const failures: Error[] = [];
      const cards = Array.from({ length: Number(count() ?? 0) }, (_, index): Given => {
        try {
          return cardOf(index);
        } catch (error) {
          // One that has been lost says nothing, and the others go on.
          failures.push(error as Error);
          return {};
        }
      });
      const [first] = failures;
      if (first && failures.length === cards.length) throw first;
      return cards;
    },
  };
}

/** A number of a unit of which `unit` make one of ours. koffi gives large ones as bigint. */
function scaled(value: unknown, unit = 1): number | undefined {
  return typeof value === "number" || typeof value === "bigint" ? Number(value) / unit : undefined;
}
