/** Weights that are not all numbers are neither drawn, which gives black, nor trained on, which gives more of them. */
import { GuardapesosError } from "../base/errors.js";
import { countNonFinite } from "../base/named-arrays.js";
import type { NetworkState } from "../checkpoint/index.js";

/**
 * Looks at what a person has chosen.
 * @param adam whether Adam's memory counts, too
 * @throws WEIGHTS_NOT_FINITE
 */
export function requireFinite(id: string, networks: Iterable<NetworkState>, adam: boolean): void {
  let values = 0;
  for (const { stateDict, adam: memory } of networks) {
    for (const { data } of new Set(stateDict.values())) values += countNonFinite(data);
    for (const { expAvg, expAvgSq } of adam ? (memory?.entries.values() ?? []) : []) {
      values += countNonFinite(expAvg.data) + countNonFinite(expAvgSq.data);
    }
  }
  if (values > 0) throw new GuardapesosError("WEIGHTS_NOT_FINITE", { id, values, chosen: true });
}
