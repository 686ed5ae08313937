/** `--set NAME=VALUE`, `NAME:=text` and `MODULE.NAME=VALUE`: what they say, and what the agent is told of them. Pure. */
import { GuardapesosError } from "../base/errors.js";
import { nearest } from "../base/nearest.js";

/** The options that take NAME=VALUE. */
export type SettingOption = "--set" | "--resume-set" | "--heat-set" | "--resume-env";

/** A top-level assignment that stands otherwise for a run. In the words of GUARDAPESOS_AGENT_SET. */
export interface Setting {
  /** Null for the main script. */
  readonly module: string | null;
  readonly name: string;
  /** A Python expression, or a text that is none; as typed. */
  readonly value: string;
  /** `NAME:=text`: a string whatever it looks like. */
  readonly text: boolean;
}

const identifier = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;

/** Python compares names in this form. */
const asPython = (name: string): string => name.normalize("NFKC");

/**
 * NAME=VALUE, NAME:=text, MODULE.NAME=VALUE.
 * @throws SETTING_INVALID
 */
export function parseSetting(option: SettingOption, typed: string): Setting {
  const [, left, sign, value] = /^([^=]*?)\s*(:?=)([\s\S]*)$/.exec(typed) ?? [];
  if (left === undefined || value === undefined) {
    throw new GuardapesosError("SETTING_INVALID", { option, value: typed, problem: "no-sign" });
  }
  const parts = left.trim().split(".").map(asPython);
  if (!parts.every((part) => identifier.test(part))) {
    throw new GuardapesosError("SETTING_INVALID", { option, value: left.trim(), problem: "name" });
  }
  const module = parts.slice(0, -1).join(".");
  return {
    module: module === "" || module === "__main__" ? null : module,
    name: parts.at(-1)!,
    value,
    text: sign === ":=",
  };
}

/** NAME=VALUE of the environment. @throws SETTING_INVALID */
export function parseVariable(typed: string): readonly [name: string, value: string] {
  const option = "--resume-env";
  const at = typed.indexOf("=");
  if (at < 0) throw new GuardapesosError("SETTING_INVALID", { option, value: typed, problem: "no-sign" });
  const name = typed.slice(0, at).trim();
  if (!/^[^\s=\0]+$/.test(name)) {
    throw new GuardapesosError("SETTING_INVALID", { option, value: name, problem: "variable" });
  }
  return [name, typed.slice(at + 1)];
}

/** What messages call it: as it was typed. */
export const settingName = ({ module, name }: Pick<Setting, "module" | "name">): string =>
  module === null ? name : `${module}.${name}`;

/** All of them, each name once: the last one that names it wins, and stands where it was first named. */
export function mergeSettings(...lists: readonly (readonly Setting[])[]): readonly Setting[] {
  const merged = new Map<string, Setting>();
  for (const setting of lists.flat()) merged.set(settingName(setting), setting);
  return [...merged.values()];
}

/** A text as Python writes it in its source: repr(). ASCII alone, so that no encoding can change it. */
export function pythonText(text: string): string {
  const escaped = text.replace(/[\\']|[^\x20-\x7e]/gu, (character) => {
    if (character === "\\" || character === "'") return `\\${character}`;
    const code = character.codePointAt(0)!;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 0x10000
      ? `\\u${code.toString(16).padStart(4, "0")}`
      : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `'${escaped}'`;
}

/** What the agent tells of a name that nothing assigns. */
export interface MissingName {
  readonly name: string;
  readonly module: string | undefined;
  readonly file: string;
  /** Names that are assigned there. */
  readonly known: readonly string[];
  /** `config.LR` where it only imports the name. */
  readonly imported: string | undefined;
}

/** The same as an error, with the name that was probably meant. */
export function settingMissing({ name, module, file, known, imported }: MissingName): GuardapesosError {
  const found = nearest(name, known);
  const suggestion = found === undefined ? undefined : settingName({ module: module ?? null, name: found });
  return new GuardapesosError("SETTING_MISSING", {
    name: settingName({ module: module ?? null, name }),
    file,
    suggestion,
    imported,
  });
}
