/** `guardapesos inspect`: what is inside a `.pth` or `.safetensors` file. Nothing in it is run. */
import { sizeOf } from "../../base/named-arrays.js";
import type { Json } from "../../torch/index.js";
import type { Position } from "../../events/event.js";
import type { Context } from "../context.js";
import { say, tell } from "../context.js";
import type { commonOptions, inspectOptions, Settings } from "../options.js";
import { inspectionLines, type Inspection } from "../present/inspection.js";

/** Reads all of a torch file that a checksum covers, so that no damaged one is described as if it were good. */
async function inspectTorch(path: string, stats: boolean): Promise<Inspection> {
  const { describeTorchFile, readTorchFile } = await import("../../torch/index.js");
  const file = await readTorchFile(path);
  try {
    await file.verify();
    return await describeTorchFile(file, { stats });
  } finally {
    await file.close();
  }
}

async function inspectSafetensors(path: string, stats: boolean): Promise<Inspection> {
  const { dtypes, readSafetensors, statisticsOf } = await import("../../torch/index.js");
  const file = await readSafetensors(path);
  try {
    const tensors: Inspection["tensors"][number][] = [];
    let nonFinite = 0;
    for (const [name, tensor] of file.tensors) {
      const { dtype, shape } = tensor;
      const statistics = stats ? await statisticsOf(tensor) : undefined;
      nonFinite += (statistics?.nan ?? 0) + (statistics?.infinite ?? 0);
      const elements = sizeOf(shape);
      const bytes = elements * dtypes[dtype].size;
      tensors.push({ name, dtype, shape, elements, bytes, ...(statistics && { statistics }) });
    }
    const found = { file: path, bytes: file.size, format: "safetensors" as const, tensors };
    return { ...found, ...(stats ? { nonFinite } : {}) };
  } finally {
    await file.close();
  }
}

/** Where training stood when a file of ours was saved. */
async function positionIn(header: Json | undefined): Promise<Position | undefined> {
  const progress = (header as { readonly progress?: Json } | undefined)?.progress;
  if (progress === undefined) return undefined;
  const { fromJson, positionOf } = await import("../../training/progress.js");
  const found = fromJson(progress as Parameters<typeof fromJson>[0]);
  return found === undefined ? undefined : positionOf(found.place);
}

/** Throws TORCH_FILE_*. */
export async function inspect(
  context: Context,
  flags: Settings<typeof inspectOptions & typeof commonOptions>,
  [path = ""]: readonly string[],
): Promise<void> {
  const isSafetensors = path.toLowerCase().endsWith(".safetensors");
  const inspection = await (isSafetensors ? inspectSafetensors : inspectTorch)(path, flags.stats ?? false);
  tell(context, "inspected", inspection);
  const position = await positionIn(inspection.progress);
  for (const line of inspectionLines(inspection, context.texts, position)) say(context, line);
}
