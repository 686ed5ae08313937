/**
 * Loss scaling, as torch.cuda.amp.GradScaler: gradients are computed of the loss times a scale, so that small ones do not
 * vanish in half precision, and divided by it in float32. When they overflow, the network's update is skipped and its
 * scale halved; after many steps without that, it is doubled. One scale for each network, as each optimizer has a
 * scaler of its own in the scripts that this replaces. Pure.
 */
import { GuardapesosError } from "../base/errors.js";
import { networks, type Network } from "../progan/parameters.js";

export interface LossScale {
  /** A power of two, so that multiplying by it and dividing by it are exact. */
  readonly scale: number;
  /** Steps since it last changed. */
  readonly steady: number;
  /** Updates of this network that were skipped, over all sessions. */
  readonly skipped: number;
}

export type LossScales = Readonly<Record<Network, LossScale>>;

/** The defaults of GradScaler. */
const first: LossScale = { scale: 65536, steady: 0, skipped: 0 };
export const growthInterval = 2000;

export const firstScales = Object.fromEntries(networks.map((network) => [network, first])) as LossScales;

/** Below it gradients overflow that are not enlarged any more: the network's numbers are too large for half. */
export const smallestScale = 1;

/** The scale after a step. @param finite whether all gradients were */
export function nextScale({ scale, steady, skipped }: LossScale, finite: boolean): LossScale {
  if (!finite) return { scale: scale / 2, steady: 0, skipped: skipped + 1 };
  if (steady + 1 < growthInterval) return { scale, steady: steady + 1, skipped };
  // As GradScaler: a scale that float32 cannot hold stays.
  const grown = Number.isFinite(Math.fround(scale * 2)) ? scale * 2 : scale;
  return { scale: grown, steady: 0, skipped };
}

/**
 * The scales after a step.
 * @param overflowed networks whose gradients were not all finite
 * @throws HALF_OVERFLOW
 */
export function nextScales(before: LossScales, overflowed: readonly Network[]): LossScales {
  const after = networks.map((network) => {
    const next = nextScale(before[network], !overflowed.includes(network));
    if (next.scale < smallestScale) throw new GuardapesosError("HALF_OVERFLOW", { network });
    return [network, next] as const;
  });
  return Object.fromEntries(after) as LossScales;
}
