/** Why no agent is in a guarded command: what can be seen from outside, judged by a pure function. */
import type { AgentMissing } from "../events/guarded.js";

/** What the system tells of the command. */
export interface Sight {
  /** The words of each Python in its tree, or of the command itself. */
  readonly pythons: readonly (readonly string[])[];
  /** Whether one of them has lost our variables from its environment; undefined: the system does not say. */
  readonly emptied: boolean | undefined;
}

/** Python's options of one letter that make it read no PYTHONPATH, or no `site`. They can stand together: `-Iu`. */
function isIsolated(words: readonly string[]): boolean {
  for (const word of words.slice(1)) {
    if (!word.startsWith("-") || word === "-m" || word === "-c" || word === "--") return false;
    if (/^-[a-zA-Z]+$/.test(word) && /[IES]/.test(word.slice(1))) return true;
    // These take the next word.
    if (/^-[XW]$/.test(word)) return isIsolated(["", ...words.slice(words.indexOf(word) + 2)]);
  }
  return false;
}

export const isPythonWord = (word: string | undefined): boolean =>
  /^(?:python|pypy)[\d.]*\w?(?:\.exe)?$/i.test((word ?? "").split(/[\\/]/).at(-1) ?? "");

export function whyMissing({ pythons, emptied }: Sight): AgentMissing {
  if (pythons.length === 0) return "no-python";
  return emptied === true || pythons.some(isIsolated) ? "isolated" : "no-answer";
}
