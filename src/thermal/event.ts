/** What watching a card tells, as events of a run (docs/events.md). */
import type { HeatReason } from "./bands.js";
import type { HeatMode } from "./policy.js";
import type { Reading } from "./reading.js";
import type { Thresholds } from "./thresholds.js";

export type HeatEvent =
  | {
      readonly type: "heat-watch";
      readonly sensor: string | undefined;
      /** Why nothing guards the card; undefined when something does. */
      readonly missing: "not-wanted" | "processor" | "not-found" | "unknown" | undefined;
      readonly thresholds: Thresholds;
    }
  | ({ readonly type: "temperature" } & Omit<Reading, "at" | "lostCards">)
  | { readonly type: "heat"; readonly from: HeatMode; readonly to: HeatMode; readonly reason: HeatReason }
  | { readonly type: "sensor-lost"; readonly sensor: string; readonly reason: string }
  | { readonly type: "sensor-back"; readonly sensor: string }
  | {
      readonly type: "cooling";
      readonly temperature: number | undefined;
      /** °C that ends it, once its time is over. */
      readonly resumeAt: number;
      /** Seconds that it still lasts at least. */
      readonly secondsLeft: number;
    };
