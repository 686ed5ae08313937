/** What a run tells at its beginning: with what it trains, from where it goes on, and what is to be known of that. Pure. */
import type { Opening } from "../checkpoint/index.js";
import type { RunEvent } from "../events/event.js";
import { warning, type WarningCode, type WarningData } from "../events/warning.js";
import { planDone } from "../progan/schedule.js";
import { batchesDivided } from "./heat.js";
import type { Opened } from "./opening.js";
import type { RunOptions } from "./options.js";
import { positionOf } from "./progress.js";
import { parameterCounts } from "../trainer/state.js";

/** @param arithmetic which version of the engine's (engine/arithmetic.ts) this run computes with */
export function startEvents(opened: Opened, options: RunOptions, arithmetic: number): readonly RunEvent[] {
  const { series, beginning, source, device, threads, writer, takenUp } = opened;
  const { config, preset, from } = beginning;
  return [
    {
      type: "run-started",
      device,
      threads,
      data: source.description,
      label: series.label,
      class: series.class ?? undefined,
      images: source.files,
      weights: options.weights,
      samples: options.samples,
      preset,
      start: config.start,
      end: config.end,
      parameters: parameterCounts(config),
    },
    ...folderEvents(writer.opening, options.weights),
    ...takenUp.saved.map((id) => warning("STATE_TAKEN_UP", { id })),
    ...takenUp.staying.map((file) => warning("STATE_NOT_UNDERSTOOD", { file })),
    ...(from ? resumeEvents(from, opened, arithmetic) : []),
    ...(config.precision === "mixed" && device === "cpu" ? [warning("HALF_IMITATED", { device })] : []),
  ];
}

/** What opening the weights folder has come upon. */
function folderEvents({ movedAside, links, problems }: Opening, weights: string): RunEvent[] {
  return [
    ...movedAside.map((path) => warning("FILE_MOVED_ASIDE", { path })),
    ...problems.map((problem) => ({ type: "store-problem", ...problem }) as const),
    ...(links ? [] : [warning("NO_HARD_LINKS", { folder: weights })]),
  ];
}

/** From which checkpoint it goes on, and what is not as it was. */
function resumeEvents(
  from: NonNullable<Opened["beginning"]["from"]>,
  { beginning, device, threads }: Opened,
  arithmetic: number,
): RunEvent[] {
  const { config, place } = beginning;
  const { id, kind, skipped, saved, startIgnored, remarks, hasOptimizer } = from;
  const events: RunEvent[] = [{ type: "resumed", id, kind, position: positionOf(place), skipped }];
  const warn = <Code extends WarningCode>(code: Code, data: WarningData[Code]): void =>
    void events.push(warning(code, data));
  if (startIgnored !== undefined) {
    warn("START_IGNORED", { wanted: startIgnored, resolution: place.resolution });
  }
  for (const { code, data } of remarks) warn(code, data);
  if (!hasOptimizer && remarks.length === 0) warn("NO_OPTIMIZER_STATE", { id, networks: [] });
  if (saved) {
    const isSameDevice = saved.device === device;
    if (!isSameDevice) warn("DEVICE_DIFFERS", { before: saved.device, now: device });
    if (saved.threads !== threads) warn("THREADS_DIFFER", { before: saved.threads, now: threads });
    // Another device is said already.
    if (isSameDevice && saved.arithmetic !== arithmetic) {
      warn("ARITHMETIC_DIFFERS", { before: saved.arithmetic, now: arithmetic });
    }
  }
  if (planDone(place, config)) warn("PLAN_ALREADY_FINISHED", { id });
  if (config.batchDivisor > 1) events.push(batchesDivided(config, place.resolution));
  return events;
}
