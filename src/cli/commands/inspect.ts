/** `guardapesos inspect`: what is inside a `.pth` or `.safetensors` file. Nothing in it is run. */
import { sizeOf } from "../../base/named-arrays.js";
import type { TensorDescription, TorchDescription } from "../../torch/index.js";
import type { Texts } from "../../texts/index.js";
import type { Context } from "../context.js";
import { say, tell } from "../context.js";
import type { commonOptions, inspectOptions, Settings } from "../options.js";
import { table } from "../present/table.js";

type Tensor = Pick<TensorDescription, "name" | "dtype" | "shape" | "bytes" | "shares" | "statistics">;

/** What both formats have, and what only torch files have. */
type Description = Pick<TorchDescription, "file" | "bytes" | "nonFinite"> &
  Partial<Pick<TorchDescription, "keys" | "stateDict" | "optimizers" | "progress">> & {
    readonly format: TorchDescription["format"] | "safetensors";
    readonly tensors: readonly Tensor[];
  };

async function describe(path: string, stats: boolean): Promise<Description> {
  const torch = await import("../../torch/index.js");
  if (!path.toLowerCase().endsWith(".safetensors")) {
    const file = await torch.readTorchFile(path);
    try {
      return await torch.describeTorchFile(file, { stats });
    } finally {
      await file.close();
    }
  }
  const file = await torch.readSafetensors(path);
  try {
    const tensors: Tensor[] = [];
    let nonFinite = 0;
    for (const [name, tensor] of file.tensors) {
      const { dtype, shape } = tensor;
      const statistics = stats ? await torch.statisticsOf(tensor) : undefined;
      nonFinite += (statistics?.nan ?? 0) + (statistics?.infinite ?? 0);
      const bytes = sizeOf(shape) * torch.dtypes[dtype].size;
      tensors.push({ name, dtype, shape, bytes, ...(statistics && { statistics }) });
    }
    const found = { file: path, bytes: file.size, format: "safetensors" as const, tensors };
    return { ...found, ...(stats ? { nonFinite } : {}) };
  } finally {
    await file.close();
  }
}

function rowOf(tensor: Tensor, { format, commands }: Texts, stats: boolean): string[] {
  const { name, dtype, shape, bytes, shares, statistics } = tensor;
  const row = [name, dtype, shape.length === 0 ? "-" : shape.join("x"), format.bytes(bytes)];
  if (stats) {
    const figure = (value: number | null | undefined) =>
      value === null || value === undefined ? "-" : significant(value);
    const { min, max, mean, nan = 0, infinite = 0 } = statistics ?? {};
    row.push(
      figure(min),
      figure(max),
      figure(mean),
      statistics === undefined ? "-" : format.integer(nan + infinite),
    );
  }
  row.push(shares === undefined ? "" : commands.inspected.shares(shares));
  return row;
}

/** Four significant digits, the same in every language, as programs write numbers. */
function significant(value: number): string {
  return String(Number(value.toPrecision(4)));
}

const formatNames = { zip: "PyTorch (zip)", legacy: "PyTorch (legacy)", safetensors: "safetensors" } as const;

function linesOf(description: Description, texts: Texts, stats: boolean): string[] {
  const { file, bytes, keys, stateDict, optimizers = [], progress, tensors, nonFinite } = description;
  const { inspected, notFinite } = texts.commands;
  const lines = [inspected.file(file, formatNames[description.format], bytes)];
  if (keys !== undefined && keys.length <= 20) lines.push(inspected.keys(keys));
  if (stateDict !== undefined) {
    lines.push(inspected.stateDict(stateDict.key, stateDict.tensors, stateDict.elements));
    if (stateDict.parallel) lines.push(inspected.parallel);
  }
  for (const { name, kind, parameters, withState, steps } of optimizers) {
    lines.push(inspected.optimizer(name, kind ?? inspected.unknown, parameters, withState));
    if (steps !== undefined) lines.push(inspected.steps(...steps));
  }
  if (progress !== undefined) lines.push(inspected.progress(JSON.stringify(progress)));
  const heading = [...inspected.columns, ...(stats ? inspected.statistics : []), ""];
  if (tensors.length > 0)
    lines.push("", ...table([heading, ...tensors.map((one) => rowOf(one, texts, stats))]));
  if (nonFinite !== undefined) lines.push(nonFinite === 0 ? inspected.allFinite : notFinite(nonFinite));
  return lines;
}

/** Throws TORCH_FILE_*. */
export async function inspect(
  context: Context,
  flags: Settings<typeof inspectOptions & typeof commonOptions>,
  [path = ""]: readonly string[],
): Promise<void> {
  const stats = flags.stats ?? false;
  const description = await describe(path, stats);
  tell(context, "inspected", description);
  for (const line of linesOf(description, context.texts, stats)) say(context, line);
}
