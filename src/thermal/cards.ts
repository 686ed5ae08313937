/** Several cards behind one sensor: the hottest is what counts, and one that falls silent among them is not overlooked. */
import type { Given } from "./reading.js";

/** What a card says, and which of the sensor's cards it is. */
export interface Card {
  readonly index: number;
  readonly given: Given;
}

/** For a person. */
const labelOf = ({ index, given }: Card): string => `${given.card ?? "?"} (${index})`;

/**
 * Keeps which cards have told a temperature. The returned function is given what some of them say now, and answers with those
 * that have told one and have not for `patience`, while others do.
 * @param patience in the unit of `now`
 */
export function createRoll(patience: number): (cards: readonly Card[], now: number) => readonly string[] {
  const known = new Map<number, { label: string; at: number }>();
  return (cards, now) => {
    for (const card of cards) {
      if (card.given.temperature === undefined) continue;
      known.set(card.index, { label: labelOf(card), at: now });
    }
    const all = [...known.values()];
    const lost = all.filter(({ at }) => now - at > patience);
    return lost.length < all.length ? lost.map(({ label }) => label) : [];
  };
}

/** Tells each card that is lost, and that is back, once. */
export function createLosses(tell: {
  readonly lost: (card: string) => void;
  readonly back: (card: string) => void;
}): (lost: readonly string[]) => void {
  let before: readonly string[] = [];
  return (lost) => {
    for (const card of lost) if (!before.includes(card)) tell.lost(card);
    for (const card of before) if (!lost.includes(card)) tell.back(card);
    before = lost;
  };
}
