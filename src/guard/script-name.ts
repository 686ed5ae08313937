/** What a guarded command is called: pure. */
import { basename } from "node:path";

const isScript = (word: string): boolean => /\.(?:py|pyw|sh|bash|bat|cmd|ps1)$/i.test(word);

/** The value of Python's `-m`, as in `python -m package.train`. */
function moduleIn(words: readonly string[]): string | undefined {
  const at = words.indexOf("-m");
  return at < 0 ? undefined : words[at + 1];
}

/**
 * What messages and checkpoints call it: the file name of its script, also behind launchers (`torchrun ... train.py`); else
 * the module of `-m`; else the program.
 * @param command the words after `--`
 */
export function scriptName(command: readonly string[]): string {
  const [program = "", ...words] = command;
  const script = isScript(program) ? program : words.find(isScript);
  return basename((script ?? moduleIn(words) ?? program).replaceAll("\\", "/"));
}

/** The same as the name of a series: letters, digits and `._-` alone, 100 characters at most. */
export function seriesName(command: readonly string[]): string {
  const name = scriptName(command)
    .normalize()
    .replace(/[^\p{L}\p{N}._-]+/gu, "_")
    .replace(/^[.-]+/, "_");
  const short = Array.from(name).slice(0, 60).join("");
  return short === "" ? "script" : short;
}
