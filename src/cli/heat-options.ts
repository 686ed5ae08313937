/** The options of heat, as the commands that watch a card take them. */
import { GuardapesosError } from "../base/errors.js";
import { isSimulated, parseSensor } from "../thermal/sensors/open.js";
import { completeThresholds, disorder, type Temperature, type Thresholds } from "../thermal/thresholds.js";
import type { HeatOptions } from "../thermal/watch.js";
import { kebab, type heatTable, type Settings } from "./options.js";

const optionOf = {
  resumeAt: "resumeAt",
  warnAt: "warnAt",
  target: "target",
  coolAt: "coolAt",
  stopAt: "stopAtTemp",
} as const satisfies Record<Temperature, keyof typeof heatTable>;

/**
 * Settings -> how heat is watched.
 * @throws THRESHOLDS_ORDER, or OPTION_NEEDS when time is to run faster for a real card
 */
export function heatOptions(settings: Settings<typeof heatTable>): HeatOptions {
  const sensor = parseSensor(settings.sensor ?? "auto")!;
  const given: { -readonly [Name in keyof Thresholds]?: Thresholds[Name] | undefined } = {
    resumeAt: settings.resumeAt,
    warnAt: settings.warnAt,
    target: settings.target,
    coolAt: settings.coolAt,
    stopAt: settings.stopAtTemp,
    coolMinutes: settings.coolMinutes,
    criticalMinutes: settings.criticalMinutes,
    afterCritical: settings.afterCritical,
  };
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const thresholds = completeThresholds(known);
  const pair = disorder(thresholds, known);
  if (pair) {
    const [low, high] = pair;
    throw new GuardapesosError("THRESHOLDS_ORDER", {
      low: `--${kebab(optionOf[low])}`,
      lowValue: thresholds[low],
      high: `--${kebab(optionOf[high])}`,
      highValue: thresholds[high],
    });
  }
  const { timeScale = 1 } = settings;
  if (timeScale !== 1 && !isSimulated(sensor)) {
    throw new GuardapesosError("OPTION_NEEDS", { option: "--time-scale", needed: "--sensor simulated:..." });
  }
  return { sensor, thresholds, timeScale };
}
