/** Which sensor to read: what the user names, or the best that is there. */
import { GuardapesosError, reasonOf } from "../../base/errors.js";
import type { Clock } from "../clock.js";
import { likeRtx3070 } from "../model.js";
import { openNvidiaSmi } from "./nvidia-smi.js";
import { openProcess } from "./process-sensor.js";
import type { Sensor, SensorContext } from "./sensor.js";
import { openModel, openTrace } from "./simulated.js";

type Real = "nvml" | "nvidia-smi" | "other";

/** auto, none, nvml, nvidia-smi or other (with :N for card N); simulated:FILE, simulated:model, simulated:model@35 (air of 35 °C). */
export type SensorChoice =
  | { readonly kind: "auto" | "none" }
  | { readonly kind: Real; readonly index: number | undefined }
  | { readonly kind: "trace"; readonly file: string }
  | { readonly kind: "model"; readonly ambient: number };

/** @returns undefined when it is none of them */
export function parseSensor(text: string): SensorChoice | undefined {
  if (text === "auto" || text === "none") return { kind: text };
  const real = /^(nvml|nvidia-smi|other)(?::(\d+))?$/.exec(text);
  if (real) return { kind: real[1] as Real, index: real[2] === undefined ? undefined : Number(real[2]) };
  const model = /^simulated:model(?:@(\d+(?:\.\d+)?))?$/.exec(text);
  if (model) return { kind: "model", ambient: Number(model[1] ?? likeRtx3070.ambient) };
  const file = /^simulated:([^\0]+)$/.exec(text)?.[1];
  return file === undefined ? undefined : { kind: "trace", file };
}

/** Whether time may run faster with it: a real card needs its real minutes. */
export const isSimulated = ({ kind }: SensorChoice): boolean => kind === "trace" || kind === "model";

const open: Readonly<Record<Real, (index: number | undefined, context: SensorContext) => Promise<Sensor>>> = {
  nvml: (index, context) =>
    openProcess({ entry: "./nvml-process.js", by: "NVML", arguments: [], index }, context),
  "nvidia-smi": openNvidiaSmi,
  other: (index, context) =>
    // It starts other programs each time.
    openProcess(
      { entry: "./other-process.js", by: "systeminformation", arguments: [], index },
      { ...context, interval: 5 },
    ),
};

/** Real seconds between readings, and without any after which a sensor's process counts as hung. */
const usual = { interval: 2, patience: 10, grace: 2.5 };

/**
 * Opens a sensor; for "auto" the first that tells a temperature, or else the first that says anything of a card.
 * @param options `signal` gives it up; `grace` as in SensorContext, otherwise than usual
 * @returns undefined for "none", and where "auto" finds nothing
 * @throws SENSOR_UNAVAILABLE, TRACE_UNREADABLE, TRACE_INVALID, and the reason of `signal`
 */
export async function openSensor(
  choice: SensorChoice,
  clock: Clock,
  options: Partial<Pick<SensorContext, "signal" | "grace">> = {},
): Promise<Sensor | undefined> {
  const context: SensorContext = { clock, ...usual, ...options };
  switch (choice.kind) {
    case "none":
      return undefined;
    case "auto":
      return firstKnown(context);
    case "trace":
      return openTrace(choice.file, context);
    case "model":
      return openModel(context, { ...likeRtx3070, ambient: choice.ambient });
    default:
      return open[choice.kind](choice.index, context).catch((error: unknown) => {
        options.signal?.throwIfAborted();
        throw new GuardapesosError("SENSOR_UNAVAILABLE", { sensor: choice.kind, reason: reasonOf(error) });
      });
  }
}

/** The first sensor that tells a temperature; where none does, the first that says anything. */
async function firstKnown(context: SensorContext): Promise<Sensor | undefined> {
  let unknown: Sensor | undefined;
  for (const kind of ["nvml", "nvidia-smi", "other"] as const) {
    const sensor = await open[kind](undefined, context).catch(() => undefined);
    context.signal?.throwIfAborted();
    if (sensor?.known) return sensor;
    unknown ??= sensor;
  }
  return unknown;
}
