/** Recipes: what a script is given to go on from a checkpoint, and after heat, under a name. Pure. */
import { GuardapesosError } from "../base/errors.js";
import { nearest } from "../base/nearest.js";
import type { NotRestored } from "../events/guarded.js";

/** As in the config file and on the command line; all of it may be absent. */
export interface RecipeOptions {
  /** NAME=VALUE, at every start. */
  readonly set?: readonly string[] | undefined;
  /** NAME=VALUE, where there is a checkpoint to go on from. */
  readonly resumeSet?: readonly string[] | undefined;
  /** Words at the end of the command, as a shell splits them, where there is one. */
  readonly resumeArgs?: string | undefined;
  /** NAME=VALUE of the environment, where there is one. */
  readonly resumeEnv?: readonly string[] | undefined;
  /** NAME=VALUE, once heat has ended a start before. */
  readonly heatSet?: readonly string[] | undefined;
}

export interface Recipe extends RecipeOptions {
  /** What the script does not take up again, where that is known. */
  readonly notRestored?: readonly NotRestored[] | undefined;
}

/** A line that takes `{size}` is left out where the size of the last images is not known. */
export const shippedRecipes: Readonly<Record<string, Recipe>> = {
  /** The script of the page that this project follows. */
  "progan-local": {
    resumeSet: [
      "LOAD_MODEL=True",
      "CHECKPOINT_GEN={generator}",
      "CHECKPOINT_CRITIC={critic}",
      "START_TRAIN_AT_IMG_SIZE={size}",
    ],
    // Never 1: its minibatch deviation is the torch.std of one sample then, and every weight becomes NaN.
    heatSet: ["BATCH_SIZES=[8, 8, 6, 4, 3, 2, 2, 2, 2]", "GRADIENT_ACCUMULATION_STEPS=4"],
    notRestored: ["epoch", "alpha", "scaler", "random-state", "data-order", "half-step", "log-step"],
  },
};

/**
 * The recipe of that name; one of the user's own goes before a shipped one.
 * @throws RECIPE_UNKNOWN
 */
export function recipeOf(name: string, own: Readonly<Record<string, Recipe>>): Recipe {
  const found = Object.hasOwn(own, name) ? own[name] : undefined;
  const shipped = Object.hasOwn(shippedRecipes, name) ? shippedRecipes[name] : undefined;
  if (found ?? shipped) return (found ?? shipped)!;
  const recipes = [...new Set([...Object.keys(own), ...Object.keys(shippedRecipes)])];
  throw new GuardapesosError("RECIPE_UNKNOWN", { recipe: name, recipes, suggestion: nearest(name, recipes) });
}

/** What no script takes up again unless it saves it itself; which of the rest it saves, the keys of its checkpoint tell. */
const byKey: readonly (readonly [NotRestored, RegExp])[] = [
  ["optimizer", /optim|^opt(_|$)/i],
  ["epoch", /epoch|iteration|global_step|^step$/i],
  ["random-state", /rng|random/i],
];

/**
 * What a restart of a script does not take up again.
 * @param keys what its checkpoints hold at their top, of all files together; undefined where that is not known
 * @param sizeKnown whether the recipe could say at which resolution to go on
 */
export function notRestored(
  recipe: Recipe,
  keys: readonly string[] | undefined,
  sizeKnown: boolean,
): readonly NotRestored[] {
  if (recipe.notRestored) {
    const needsSize = recipe.resumeSet?.some((line) => line.includes("{size}")) ?? false;
    return needsSize && !sizeKnown ? [...recipe.notRestored, "resolution"] : recipe.notRestored;
  }
  const missing = keys === undefined ? [] : byKey.filter(([, key]) => !keys.some((one) => key.test(one)));
  const kept = keys === undefined ? (["random-state"] as const) : missing.map(([what]) => what);
  return [...kept, "data-order", "half-step"];
}
