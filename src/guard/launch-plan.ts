/**
 * What each start of a guarded command gets beyond what was typed after `--`: `--set` at every start; `--resume-set`,
 * `--resume-args` and `--resume-env` where there is a checkpoint to go on from; `--heat-set` once heat has ended a start.
 */
import { GuardapesosError } from "../base/errors.js";
import { asksForSize, checkPlaceholders, filledIn, type ResumePoint } from "./placeholders.js";
import type { Launch, LaunchExtras } from "./launch.js";
import { notRestored, type Recipe, type RecipeOptions } from "./recipe.js";
import {
  mergeSettings,
  parseSetting,
  parseVariable,
  pythonText,
  type Setting,
  type SettingOption,
} from "./settings.js";
import { shellWords } from "./shell-words.js";

/** All that was asked for, read and found to make sense. */
export interface LaunchPlan {
  readonly set: readonly Setting[];
  readonly resumeSet: readonly Setting[];
  readonly resumeArgs: readonly string[];
  readonly resumeEnv: readonly (readonly [name: string, value: string])[];
  readonly heatSet: readonly Setting[];
}

function settingsOf(option: SettingOption, lines: readonly string[]): readonly Setting[] {
  return lines.map((line) => parseSetting(option, line));
}

function wordsOf(text: string): readonly string[] {
  const words = shellWords(text);
  if (words) return words;
  throw new GuardapesosError("QUOTE_NOT_CLOSED", { option: "--resume-args", value: text });
}

/**
 * @param typed what the command line says: it stands behind what the recipe says, and wins over it
 * @throws SETTING_INVALID, QUOTE_NOT_CLOSED, PLACEHOLDER_UNKNOWN
 */
export function planLaunch(recipe: RecipeOptions, typed: RecipeOptions): LaunchPlan {
  const both = (key: "set" | "resumeSet" | "resumeEnv" | "heatSet"): readonly string[] => [
    ...(recipe[key] ?? []),
    ...(typed[key] ?? []),
  ];
  for (const line of both("resumeSet")) checkPlaceholders("--resume-set", line);
  for (const line of both("resumeEnv")) checkPlaceholders("--resume-env", line);
  const args = [recipe.resumeArgs, typed.resumeArgs].filter((text) => text !== undefined);
  for (const text of args) checkPlaceholders("--resume-args", text);
  return {
    set: settingsOf("--set", both("set")),
    resumeSet: settingsOf("--resume-set", both("resumeSet")),
    resumeArgs: args.flatMap(wordsOf),
    resumeEnv: both("resumeEnv").map(parseVariable),
    heatSet: settingsOf("--heat-set", both("heatSet")),
  };
}

/** Whether anything says how the script goes on from a checkpoint. */
export function canResume({ resumeSet, resumeArgs, resumeEnv }: LaunchPlan): boolean {
  return resumeSet.length > 0 || resumeArgs.length > 0 || resumeEnv.length > 0;
}

/** Whether the agent is needed: without it nothing can be set. */
export function needsAgent({ set, resumeSet, heatSet }: LaunchPlan): boolean {
  return set.length > 0 || resumeSet.length > 0 || heatSet.length > 0;
}

/** A setting of `--resume-set` for this checkpoint: paths as Python writes them, in a text as they are. */
function resumed(setting: Setting, point: ResumePoint): Setting {
  return { ...setting, value: filledIn(setting.value, point, setting.text ? String : pythonText) };
}

/**
 * What one start gets. Pure.
 * @param point what there is to go on from; undefined: it begins anew, or looks for itself
 * @param hot whether heat has ended a start before
 * @throws PLACEHOLDER_EMPTY
 */
export function extrasOf(plan: LaunchPlan, point: ResumePoint | undefined, hot: boolean): LaunchExtras {
  const resumes = point !== undefined && canResume(plan);
  const isKnown = (text: string): boolean => point?.imageSize !== undefined || !asksForSize(text);
  const resumeSet = resumes
    ? plan.resumeSet.filter(({ value }) => isKnown(value)).map((setting) => resumed(setting, point))
    : [];
  const args = resumes ? plan.resumeArgs.map((word) => filledIn(word, point, String)) : [];
  const variables = resumes
    ? plan.resumeEnv
        .filter(([, value]) => isKnown(value))
        .map(([name, value]) => [name, filledIn(value, point, String)] as const)
    : [];
  const set = mergeSettings(plan.set, resumeSet, hot ? plan.heatSet : []);
  return {
    args,
    environment: Object.fromEntries(variables),
    set: set.length === 0 ? undefined : { set, args },
    from: resumes ? point.id : undefined,
  };
}

/** The plan as the guard wants it. @param recipe the one that it was made of */
export function launchOf(plan: LaunchPlan, recipe: Recipe): Launch {
  let hot = false;
  return {
    extras({ cause, point }) {
      hot ||= cause === "heat";
      return extrasOf(plan, point, hot);
    },
    canResume: canResume(plan),
    coolsByRestart: plan.heatSet.length > 0,
    notRestored: (point, keys) => notRestored(recipe, keys, point?.imageSize !== undefined),
  };
}
