/** What heat makes a run say, and `guardapesos monitor`, in English. */
import type { RunEvent, RunEventOf } from "../events/event.js";
import { formats } from "./formats.js";

const { bytes, clock, decimal, duration, integer, percent } = formats("en");

export type HeatEvent =
  "heat-watch" | "temperature" | "heat" | "cooling" | "sensor-lost" | "sensor-back" | "batches-divided";
type HeatEventTexts = {
  readonly [Type in Extract<RunEvent["type"], HeatEvent>]: (event: RunEventOf<Type>) => readonly string[];
};
type Reason = RunEventOf<"heat">["reason"];
type Summary = NonNullable<RunEventOf<"ended">["heat"]>;
type Reading = RunEventOf<"temperature">;
type Slowdown = NonNullable<Reading["slowdown"]>[number];

export interface MonitorTexts {
  readonly unknown: string;
  /** Names of the figures, in the order in which they stand. */
  readonly names: {
    readonly temperature: string;
    readonly power: string;
    readonly utilisation: string;
    readonly memory: string;
    readonly fan: string;
    readonly clock: string;
    readonly slowdown: string;
    readonly policy: string;
  };
  readonly power: (watts: number) => string;
  readonly memory: (used: number, total: number | undefined) => string;
  readonly clock: (megahertz: number) => string;
  readonly nothingSlows: string;
  readonly slowdown: Readonly<Record<Slowdown, string>>;
  readonly mode: Readonly<Record<RunEventOf<"heat">["to"], string>>;
  /** How to leave, and where the log is. */
  readonly leave: string;
  readonly logging: (file: string) => string;
  readonly noSensor: string;
  /** What heat has done to a training so far; the course of the last minutes has a name of its own. */
  readonly stats: (heat: Summary) => readonly (readonly [string, string])[];
  readonly lastMinutes: string;
}

const celsius = (value: number | undefined): string =>
  value === undefined ? "unknown temperature" : `${decimal(value, 0)} °C`;

/** Why something must be done. */
function because({ code, temperature, threshold }: Reason): string {
  if (code === "hardware-slowdown")
    return `The card slows itself down because it is too hot (${celsius(temperature)})`;
  if (code === "software-slowdown")
    return `The driver slows the card down because it is too hot (${celsius(temperature)})`;
  return `The card is at ${celsius(temperature)}, and ${celsius(threshold)} is the limit`;
}

const noTemperature = {
  "not-wanted": () => [],
  processor: () => ["🌡 Training runs on the processor: the temperature of no card is watched."],
  "not-found": () => [
    "🌡 No temperature is known: neither NVML nor nvidia-smi nor the system tells one. Heat is not watched.",
  ],
  unknown: (sensor: string) => [
    `⚠ Heat: ${sensor} tells no temperature, so nothing guards the card until it does. It is asked again and again; another --sensor may know more.`,
  ],
} as const;

export const heatEvents: HeatEventTexts = {
  "heat-watch": ({ sensor = "?", missing, thresholds }) =>
    missing !== undefined
      ? noTemperature[missing](sensor)
      : [
          `🌡 Heat: ${sensor}. Pauses from ${thresholds.warnAt} °C, a cool-down from ${thresholds.coolAt} °C, the end at ${thresholds.stopAt} °C.`,
        ],
  temperature: () => [],
  heat: ({ from, to, reason }) => {
    switch (to) {
      case "pace":
        return [
          `⚠ The card is warm (${celsius(reason.temperature)}): short pauses hold it there, and checkpoints come more often. Is there enough air?`,
        ];
      case "cool":
        return [`🔥 ${because(reason)}. The weights are saved, then it cools down.`];
      case "stop":
        return [`🔥 ${because(reason)}. The weights are saved, then training ends.`];
      case "watch":
        if (from === "pace")
          return [`🌡 The card is at ${celsius(reason.temperature)} again: no more pauses.`];
        return reason.code === "unknown-for-long"
          ? ["⚠ The temperature has been unknown for long: the cool-down is over, training goes on."]
          : [`✅ The card has cooled down to ${celsius(reason.temperature)}: training goes on.`];
    }
  },
  cooling: ({ temperature, secondsLeft, resumeAt }) => [
    `❄ Cooling down: ${celsius(temperature)} · ${secondsLeft > 0 ? `${clock(secondsLeft)} to go at least · ` : ""}goes on at ${celsius(resumeAt)}`,
  ],
  "sensor-lost": ({ sensor, reason }) => [
    `⚠ ${sensor} says nothing any more${reason === "" ? "" : ` (${reason})`}: the temperature is unknown. That alone stops nothing.`,
  ],
  "sensor-back": ({ sensor }) => [`🌡 ${sensor} is back.`],
  "batches-divided": ({ divisor, resolution, batchSize, accumulate }) => [
    `🔽 Batches divided by ${divisor} because of heat: at ${resolution}x${resolution} ${integer(batchSize)} ${batchSize === 1 ? "image" : "images"} each, ${integer(accumulate)} ${accumulate === 1 ? "batch" : "batches"} per step, as many images per step as before. --full-batches undoes it.`,
  ],
};

/** What to do before going on, when training has ended because of heat. */
export const heatAdvice: readonly string[] = [
  "💡 Before you go on:",
  "   1. Switch the PC off and let it cool down for 30 minutes.",
  "   2. Blow the dust out of the card and its fans, and give the case more air.",
  "   3. Check the thermal paste, if you know how.",
];

export const monitor: MonitorTexts = {
  unknown: "unknown",
  names: {
    temperature: "Temperature",
    power: "Power",
    utilisation: "Load",
    memory: "Memory",
    fan: "Fan",
    clock: "Clock",
    slowdown: "Slowed down by",
    policy: "Training would",
  },
  power: (watts) => `${decimal(watts, 0)} W`,
  memory: (used, total) => {
    if (total === undefined) return bytes(used);
    return `${bytes(used)} / ${bytes(total)} (${percent(used / total)})`;
  },
  clock: (megahertz) => `${decimal(megahertz, 0)} MHz`,
  nothingSlows: "nothing",
  slowdown: {
    idle: "having nothing to do",
    "application-clocks": "a set clock",
    "power-cap": "its power limit",
    hardware: "the hardware",
    "sync-boost": "another card",
    "software-thermal": "its temperature (driver)",
    "hardware-thermal": "its temperature (hardware)",
    "power-brake": "the power supply",
    "display-clocks": "the display",
  },
  mode: {
    watch: "go on as it is",
    pace: "go on with short pauses",
    cool: "save, cool down, and go on with smaller batches",
    stop: "save and end",
  },
  leave: "Ctrl+C leaves.",
  logging: (file) => `Log: ${file}`,
  stats: ({ seconds, hottest, pauses, pausedSeconds, coolDowns, cooledSeconds, stops }) => [
    ["Hottest", celsius(hottest)],
    ["Time below the warning", duration(seconds.fine)],
    ["Time warm, hot, critical", [seconds.warm, seconds.hot, seconds.critical].map(duration).join(" · ")],
    ["Time without a known temperature", duration(seconds.unknown)],
    ["Pauses", `${integer(pauses)} (${duration(pausedSeconds)})`],
    ["Cool-downs", `${integer(coolDowns)} (${duration(cooledSeconds)})`],
    ["Ends because of heat", integer(stops)],
  ],
  lastMinutes: "The last minutes",
  noSensor: "neither NVML nor nvidia-smi nor the system tells one",
};
