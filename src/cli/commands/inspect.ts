/** `guardapesos inspect`: what is inside a `.pth` or `.safetensors` file. Nothing in it is run. */
import type { DescribeOptions, Json } from "../../torch/index.js";
import type { Position } from "../../events/event.js";
import type { Context } from "../context.js";
import { say, tell } from "../context.js";
import type { commonOptions, inspectOptions, Settings } from "../options.js";
import { inspectionLines, type Inspection } from "../present/inspection.js";
import { tableWidth } from "../present/table.js";
import { isFolder } from "../weights.js";

interface InspectOptions extends DescribeOptions {
  readonly skipUnknown: boolean;
}

/** Reads all of a torch file that a checksum covers, so that no damaged one is described as if it were good. */
async function inspectTorch(path: string, options: InspectOptions): Promise<Inspection> {
  const { describeTorchFile, readTorchFile } = await import("../../torch/index.js");
  const file = await readTorchFile(path, options);
  try {
    await file.verify();
    return await describeTorchFile(file, options);
  } finally {
    await file.close();
  }
}

async function inspectSafetensors(path: string, options: DescribeOptions): Promise<Inspection> {
  const { describeTensors, foreignMetadata, readSafetensors } = await import("../../torch/index.js");
  const file = await readSafetensors(path);
  try {
    const named = [...file.allTensors].map(([name, tensor]) => [[name], tensor] as const);
    const { tensors, nonFinite } = await describeTensors(named, options);
    const metadata = foreignMetadata(file.metadata);
    return {
      file: path,
      bytes: file.size,
      format: "safetensors",
      ...(metadata.size === 0 ? {} : { metadata: Object.fromEntries(metadata) }),
      tensors,
      ...(nonFinite === undefined ? {} : { nonFinite }),
    };
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

/** A folder, or the checkpoints in it. Exit code 65 when one is not whole. @throws FOREIGN_NOT_FOUND */
async function inspectFolder(context: Context, path: string): Promise<void> {
  const { foreignInspectionLines, judgeEach } = await import("../foreign.js");
  for await (const found of judgeEach(context, path)) {
    const { path: file, kind: format, ...facts } = found;
    tell(context, "inspected", { file, format, ...facts });
    for (const line of foreignInspectionLines(found, context.texts, tableWidth(context.output)))
      say(context, line);
  }
}

/** Throws TORCH_FILE_*, FOREIGN_NOT_FOUND. */
export async function inspect(
  context: Context,
  flags: Settings<typeof inspectOptions & typeof commonOptions>,
  [path = ""]: readonly string[],
): Promise<void> {
  if (await isFolder(path)) return inspectFolder(context, path);
  const isSafetensors = path.toLowerCase().endsWith(".safetensors");
  const options = {
    stats: flags.stats ?? false,
    // A program that compares files wants them; for a person they only fill the screen.
    digests: context.json,
    skipUnknown: flags.skipUnknown ?? false,
  };
  const inspection = await (isSafetensors ? inspectSafetensors : inspectTorch)(path, options);
  tell(context, "inspected", inspection);
  const position = await positionIn(inspection.progress);
  const width = tableWidth(context.output);
  for (const line of inspectionLines(inspection, context.texts, position, width)) say(context, line);
}
