/** Runs ONNX graphs. Blocks its thread while it computes. */
import * as ort from "./onnx-runtime.js";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import type { NamedArray, NamedArrays } from "../base/named-arrays.js";
import { inputName, lowerGraph, zeroInput } from "./onnx/emit.js";
import { encodeModel } from "./onnx/model.js";
import type { Target } from "./onnx/lower.js";
import { createGraph, input, isInput, reachable, type Node } from "./graph.js";
import { add, matmul } from "./ops.js";
import { halfNodes, type Precision } from "./precision.js";
import { providers, type Provider } from "./providers.js";

export interface EngineOptions {
  readonly provider: Provider;
  /** CPU threads of the CPU provider; they decide the order of summation, and so the last bits of every result. */
  readonly threads: number;
}

/** A tensor where the engine wants it: in memory, or on the device. Never written to once made. */
export type EngineTensor = ort.Tensor;
export type EngineTensors = ReadonlyMap<string, EngineTensor>;

export interface Session {
  readonly inputs: readonly string[];
  /** Computes all outputs from all inputs. Inputs stay as they are. */
  run(feeds: EngineTensors): Promise<Map<string, EngineTensor>>;
  release(): Promise<void>;
}

/** Providers whose results can stay on the device between runs. */
const keepsOnDevice = (provider: Provider): boolean => provider === "webgpu";

export const targetOf = (provider: Provider): Target => (provider === "cpu" ? "cpu" : "gpu");

/** The providers inside the installed ONNX Runtime, whether or not the machine has the hardware. */
export function builtInProviders(): Provider[] {
  const supported = ort.listSupportedBackends().map((backend) => backend.name);
  return providers.filter((provider) => supported.includes(provider));
}

/** Memory ran out, as the providers say it. */
const memoryWords =
  /bad_alloc|out of memory|failed to allocate|allocation failed|OOM|Array buffer allocation/i;

function engineError(
  error: unknown,
  options: EngineOptions,
  what: string,
  creating: boolean,
): GuardapesosError {
  const reason = reasonOf(error);
  if (memoryWords.test(reason)) return new GuardapesosError("ENGINE_MEMORY", { what, reason }, error);
  if (creating && options.provider !== "cpu") {
    const available = builtInProviders();
    return new GuardapesosError("DEVICE_UNAVAILABLE", { device: options.provider, available, reason }, error);
  }
  return new GuardapesosError("ENGINE_FAILED", { what, reason }, error);
}

function sessionOptions(
  { provider, threads }: EngineOptions,
  locations: Readonly<Record<string, "cpu" | "gpu-buffer">>,
): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    // Measured: half the memory and slightly faster without.
    enableMemPattern: false,
    // A thread whose turn is over waits awake for the others, but not for long: when one of them is kept from its core, the
    // core of those that wait is free for what keeps it. Measured: no slower, and saves take a quarter less from training.
    extra: { session: { intra_op: { spin_duration_us: "100" } } },
    logSeverityLevel: 3,
    ...(keepsOnDevice(provider) ? { preferredOutputLocation: locations } : {}),
  };
}

/**
 * @param what for messages: what this graph is, e.g. "the training step at 64x64"
 * @param outputs named nodes; those in `toMemory` are read by the program, the others stay on the device if it can
 * @param precision what it computes in; inputs and outputs are float32
 * @throws DEVICE_UNAVAILABLE, ENGINE_MEMORY, ENGINE_FAILED
 */
export async function createSession(
  what: string,
  outputs: ReadonlyMap<string, Node>,
  options: EngineOptions,
  toMemory: ReadonlySet<string> = new Set(),
  precision: Precision = "float32",
): Promise<Session> {
  const halves = precision === "mixed" ? halfNodes([...outputs.values()]) : undefined;
  const model = lowerGraph(outputs, targetOf(options.provider), halves);
  const locations = Object.fromEntries(
    [...outputs.keys()].map((name) => [
      name,
      toMemory.has(name) ? ("cpu" as const) : ("gpu-buffer" as const),
    ]),
  );
  const names = reachable([...outputs.values()]).flatMap((node) =>
    isInput(node) ? [node.attributes.name] : [],
  );
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(encodeModel(model), sessionOptions(options, locations));
  } catch (error) {
    throw engineError(error, options, what, true);
  }
  const zero = new ort.Tensor("int64", BigInt64Array.of(0n), [1]);
  const beside = model.inputs.some(({ name }) => name === zeroInput) ? { [zeroInput]: zero } : {};
  return {
    inputs: names,
    async run(feeds) {
      try {
        const fed = Object.fromEntries(names.map((name) => [inputName(name), feeds.get(name)!]));
        const results = await session.run({ ...fed, ...beside });
        return new Map(Object.entries(results));
      } catch (error) {
        throw engineError(error, options, what, false);
      }
    },
    release: () => session.release(),
  };
}

/**
 * Computes something small in half precision. A device that cannot tells so only when it is asked to compute.
 * @throws DEVICE_NO_HALF, and what creating a session throws
 */
export async function requireHalf(options: EngineOptions): Promise<void> {
  const x = input(createGraph(), "x", [2, 2]);
  const product = matmul(x, x);
  const outputs = new Map([["y", matmul(add(product, product), x)]]);
  const session = await createSession("a trial of half precision", outputs, options, new Set(["y"]), "mixed");
  try {
    await session.run(new Map([["x", toEngine({ shape: [2, 2], data: new Float32Array(4) })]]));
  } catch (error) {
    const reason = reasonOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
    throw new GuardapesosError("DEVICE_NO_HALF", { device: options.provider, reason }, error);
  } finally {
    await session.release();
  }
}

/** An array as the engine takes it. Shares the memory: the array must not be written to any more. */
export function toEngine({ data, shape }: NamedArray): EngineTensor {
  return new ort.Tensor("float32", data, shape);
}

/** A tensor that is in memory, as an array. Shares the memory. */
export function fromEngine(tensor: EngineTensor): NamedArray {
  return { shape: tensor.dims, data: tensor.data as Float32Array<ArrayBuffer> };
}

/** Only device memory is given back by hand; arrays in memory may be someone else's by now. */
export function dispose(tensors: Iterable<EngineTensor>): void {
  for (const tensor of tensors) if (tensor.location !== "cpu") tensor.dispose();
}

export interface DeviceCopy {
  /** Whether the state lives on the device; otherwise it is in memory, and the two directions copy nothing. */
  readonly onDevice: boolean;
  /** Host -> device. */
  upload(arrays: NamedArrays): Promise<Map<string, EngineTensor>>;
  /** Device -> host. */
  download(tensors: EngineTensors): Promise<Map<string, NamedArray>>;
  /** REQUIRES: every tensor that was uploaded has been disposed of: device memory ends with its session. */
  release(): Promise<void>;
}

/** How the state gets to the device of these options and back. For the CPU it is there already: nothing is copied. */
export function deviceCopy(options: EngineOptions): DeviceCopy {
  const wrap = (arrays: NamedArrays): Map<string, EngineTensor> =>
    new Map([...arrays].map(([name, array]) => [name, toEngine(array)]));
  const unwrap = (tensors: EngineTensors): Map<string, NamedArray> =>
    new Map([...tensors].map(([name, tensor]) => [name, fromEngine(tensor)]));
  if (!keepsOnDevice(options.provider)) {
    return {
      onDevice: false,
      upload: (arrays) => Promise.resolve(wrap(arrays)),
      download: (tensors) => Promise.resolve(unwrap(tensors)),
      release: () => Promise.resolve(),
    };
  }

  const sessions = new Map<string, Session>();
  // Reading a device tensor directly (getData) ends the process in this ONNX Runtime: a graph of copies does not.
  async function copy(tensors: EngineTensors, toMemory: boolean): Promise<Map<string, EngineTensor>> {
    if (tensors.size === 0) return new Map();
    const key = `${toMemory} ${[...tensors].map(([name, { dims }]) => `${name} ${dims.join()}`).join(";")}`;
    let session = sessions.get(key);
    if (!session) {
      const graph = createGraph();
      const outputs = new Map([...tensors].map(([name, { dims }]) => [name, input(graph, name, dims)]));
      const fetched = new Set(toMemory ? outputs.keys() : []);
      session = await createSession("a copy of the weights", outputs, options, fetched);
      sessions.set(key, session);
    }
    return session.run(tensors);
  }
  return {
    onDevice: true,
    upload: (arrays) => copy(wrap(arrays), false),
    download: async (tensors) => unwrap(await copy(tensors, true)),
    release: async () => {
      for (const session of sessions.values()) await session.release();
      sessions.clear();
    },
  };
}
