/** `guardapesos plan`: what a training will take in time, memory and disk, before it begins. */
import { GuardapesosError } from "../../base/errors.js";
import { defaultPreset, presets, type TrainingConfig } from "../../progan/config.js";
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import type { commonOptions, configOption, planOptions, Settings } from "../options.js";
import { overridesOf } from "../overrides.js";
import { table, tableWidth } from "../present/table.js";

type Flags = Settings<typeof planOptions & typeof commonOptions & typeof configOption>;

async function imagesIn(folder: string, className: string | undefined): Promise<number> {
  const { openImageFolder } = await import("../../progan/image-folder.js");
  const source = await openImageFolder({ folder, className, channels: 1, onSkipped: () => undefined });
  return source.count();
}

/** Floating-point operations a second on the device that training would take. */
async function rateHere(settings: Pick<Flags, "device" | "threads">): Promise<number> {
  const { defaultThreads, resolveDevice } = await import("../../engine/device.js");
  const { measureRate } = await import("../../training/rate.js");
  const provider = await resolveDevice(settings.device ?? "auto");
  return measureRate({ provider, threads: settings.threads ?? defaultThreads() });
}

export async function plan(context: Context, flags: Flags): Promise<void> {
  const settings = await settingsOf(context, flags);
  const config: TrainingConfig = {
    ...presets[settings.preset ?? defaultPreset],
    ...overridesOf(settings),
  };
  const { start, end } = config;
  if (start > end) throw new GuardapesosError("RESOLUTION_RANGE", { start, end });
  const images =
    settings.images ??
    (settings.data === undefined ? config.phantoms : await imagesIn(settings.data, settings.class));
  const { planTraining } = await import("../../training/plan.js");
  const planned = planTraining(config, images);
  const rate = settings.rate === undefined ? await rateHere(settings) : settings.rate * 1e9;
  const { vram } = settings;
  const fits = vram === undefined ? undefined : planned.memoryAtMost <= vram * 1e9;
  const seconds = (flops: number): number => flops / rate;
  tell(context, "plan", { ...planned, rate, seconds: seconds(planned.flops), fits });

  const { plan: texts, format } = context.texts;
  const rows = planned.stages.map((stage) => [
    `${stage.resolution}x${stage.resolution}`,
    stage.accumulate === 1 ? `${stage.batchSize}` : `${stage.batchSize} x ${stage.accumulate}`,
    format.integer(stage.batches),
    format.decimal(stage.stepFlops / 1e9, 1),
    format.bytes(stage.memory),
    format.duration(seconds(stage.stepFlops)),
    format.duration(seconds(stage.epochFlops)),
    format.integer(stage.epochs),
    format.duration(seconds(stage.epochs * stage.epochFlops)),
    format.bytes(stage.checkpoint),
  ]);
  const [heading = "", ...lines] = table([[...texts.columns], ...rows], tableWidth(context.output));
  say(context, heading, context.output.colors.bold);
  for (const line of [...lines, ""]) say(context, line);
  const measured = settings.rate === undefined;
  for (const line of texts.summary({ ...planned, rate, seconds: seconds(planned.flops), measured })) {
    say(context, line);
  }
  if (config.precision === "mixed") say(context, texts.mixed);
  if (vram !== undefined) say(context, texts.fits(planned, vram * 1e9));
}
