/**
 * A thermal model of a card: a chip on a heat sink in a stream of air. Two heat capacities, because a real chip falls by
 * ten degrees within seconds of rest while its heat sink takes minutes; a fan that follows the temperature; and the
 * card's own defence: slower from `throttleAt` on, halved at `slowdownAt`, off at `shutdownAt`.
 */
import type { SlowdownReason } from "./reading.js";

export interface CardModel {
  /** °C of the air in the case. */
  readonly ambient: number;
  /** W at rest and at full load. */
  readonly idlePower: number;
  readonly fullPower: number;
  /** J/K of the chip and of the heat sink. */
  readonly chipCapacity: number;
  readonly sinkCapacity: number;
  /** W/K from the chip to the sink; from the sink to the air without fan and, in addition, at its full speed. */
  readonly contact: number;
  readonly still: number;
  readonly blown: number;
  /** The fan's speed is `fanLeast` up to the first temperature, 1 from the second on, and a line between. */
  readonly fanFrom: number;
  readonly fanTo: number;
  readonly fanLeast: number;
  readonly throttleAt: number;
  readonly slowdownAt: number;
  readonly shutdownAt: number;
}

export interface CardState {
  readonly chip: number;
  readonly sink: number;
  /** Switched off to save itself: stays so. */
  readonly off: boolean;
}

/** Like an RTX 3070: 220 W; in air of 25 °C it stays near 73 °C under full load. */
export const likeRtx3070: CardModel = {
  ambient: 25,
  idlePower: 20,
  fullPower: 220,
  chipCapacity: 40,
  sinkCapacity: 380,
  contact: 17,
  still: 1.2,
  blown: 5.4,
  fanFrom: 50,
  fanTo: 80,
  fanLeast: 0.3,
  throttleAt: 83,
  slowdownAt: 95,
  shutdownAt: 98,
};

/** At rest for long: as warm as the air. */
export const restingState = ({ ambient }: CardModel): CardState => ({
  chip: ambient,
  sink: ambient,
  off: false,
});

/** Share of the fan's full speed. */
export function fanOf({ fanFrom, fanTo, fanLeast }: CardModel, { chip }: CardState): number {
  const share = Math.min(1, Math.max(0, (chip - fanFrom) / (fanTo - fanFrom)));
  return fanLeast + (1 - fanLeast) * share;
}

/** Share of its full speed at which the card can compute. */
export function speedOf(model: CardModel, { chip, off }: CardState): number {
  if (off) return 0;
  if (chip >= model.slowdownAt) return 0.5;
  const over = Math.max(0, chip - model.throttleAt);
  return 1 - 0.4 * Math.min(1, over / (model.slowdownAt - model.throttleAt));
}

/** W. A slower clock needs less voltage too: power falls with the square of the speed (between f and f³ of CMOS). */
export function powerOf(model: CardModel, state: CardState, load: number): number {
  if (state.off) return 0;
  return model.idlePower + (model.fullPower - model.idlePower) * load * speedOf(model, state) ** 2;
}

export function slowdownReasonsOf(
  { throttleAt, slowdownAt }: CardModel,
  { chip }: CardState,
): readonly SlowdownReason[] {
  if (chip >= slowdownAt) return ["hardware-thermal"];
  return chip >= throttleAt ? ["software-thermal"] : [];
}

/** Seconds of one step of integration: well below the chip's time constant, about 2 s. */
const longestStep = 0.25;

/**
 * The card after `seconds` at `load`.
 * @param load share of full load, 0 to 1
 */
export function warmed(model: CardModel, state: CardState, load: number, seconds: number): CardState {
  let { chip, sink, off } = state;
  const steps = Math.ceil(seconds / longestStep);
  const dt = seconds / steps;
  for (let step = 0; step < steps; step++) {
    const here = { chip, sink, off };
    const into = powerOf(model, here, load);
    const across = model.contact * (chip - sink);
    const out = (model.still + model.blown * fanOf(model, here)) * (sink - model.ambient);
    chip += (dt * (into - across)) / model.chipCapacity;
    sink += (dt * (across - out)) / model.sinkCapacity;
    off ||= chip >= model.shutdownAt;
  }
  return { chip, sink, off };
}
