/** How hot a card is, as a band of the policy: the one place that compares a reading with the thresholds. Pure. */
import type { Reading } from "./reading.js";
import type { Thresholds } from "./thresholds.js";

export type HeatBand = "unknown" | "fine" | "warm" | "hot" | "critical";

/** Why: `threshold` is what `temperature` was compared with, both in °C. */
export interface HeatReason {
  readonly code:
    | "fine"
    | "warm"
    | "hot"
    | "critical"
    | "software-slowdown"
    | "hardware-slowdown"
    | "cooled"
    | "unknown"
    | "unknown-for-long";
  readonly temperature: number | undefined;
  readonly threshold: number | undefined;
}

/**
 * A card that slows itself down is as hot as it says that it is, whatever its temperature.
 * @param reading undefined when there is none that is fresh
 * @param thresholds lowered to the card's own already
 */
export function bandOf(
  reading: Pick<Reading, "temperature" | "slowdown"> | undefined,
  { warnAt, coolAt, stopAt }: Pick<Thresholds, "warnAt" | "coolAt" | "stopAt">,
): { readonly band: HeatBand; readonly reason: HeatReason } {
  const temperature = reading?.temperature;
  const because = (band: HeatBand, code: HeatReason["code"], threshold?: number) => ({
    band,
    reason: { code, temperature, threshold },
  });
  if (reading?.slowdown?.includes("hardware-thermal")) return because("critical", "hardware-slowdown");
  if (temperature === undefined) return because("unknown", "unknown");
  if (temperature >= stopAt) return because("critical", "critical", stopAt);
  // The driver already holds the card at its highest working temperature.
  if (reading?.slowdown?.includes("software-thermal")) return because("hot", "software-slowdown");
  if (temperature >= coolAt) return because("hot", "hot", coolAt);
  if (temperature >= warnAt) return because("warm", "warm", warnAt);
  return because("fine", "fine", warnAt);
}
