/** Says what the program believes at this point; if it is wrong, that is a bug in guardapesos, not in the input. */
export function invariant(condition: unknown, belief: string): asserts condition {
  if (!condition) throw new Error(`guardapesos bug: ${belief}`);
}
