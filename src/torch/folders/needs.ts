/** Which files have to be there, by what the frameworks write: pure. */
import type { FolderProblem, Unseen } from "../../base/folder-problem.js";
import { foreignNames as known, gaps } from "./recognise.js";

export interface Needs {
  readonly problems: readonly FolderProblem[];
  readonly unseen: readonly Unseen[];
}

const missing = (file: string): FolderProblem => ({ file, reason: "missing" });

/** What a folder holds, by name. */
export interface Names {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/**
 * A checkpoint of the Hugging Face Trainer: weights, optimizer, scheduler, random states, and trainer_state.json, which is written
 * last. One that saves weights alone (save_only_model) has the first and the last of them.
 * @param onlyModel what the saved arguments say of that; undefined where they say nothing
 */
export function needsOfTrainer({ files, folders }: Names, onlyModel: boolean | undefined): Needs {
  const has = (pattern: RegExp) => files.some((name) => pattern.test(name));
  const inFolder = (pattern: RegExp) => folders.some((name) => pattern.test(name));
  const problems: FolderProblem[] = [];
  const isDeepSpeed = inFolder(/^global_step\d+$/);
  if (!has(known.weights) && !inFolder(known.weightsFolder)) problems.push(missing("model.safetensors"));
  const rest = {
    "optimizer.pt": has(/^optimizer\.(pt|bin)$/) || inFolder(/^optimizer_\d+$/) || isDeepSpeed,
    "scheduler.pt": has(/^scheduler\.pt$/) || isDeepSpeed,
    "rng_state.pth": has(known.trainerRandom),
  };
  const lacking = Object.entries(rest).flatMap(([name, isThere]) => (isThere ? [] : [name]));
  const isModelAlone = onlyModel ?? (lacking.length === 3 && has(known.trainerState));
  if (!isModelAlone) problems.push(...lacking.map(missing));
  problems.push(...gaps(files, "rng_state", "pth").map(missing));
  if (!has(known.trainerState)) problems.push(missing("trainer_state.json"));
  return {
    problems,
    unseen: isModelAlone && onlyModel === undefined ? ["one-save", "file-list"] : ["one-save"],
  };
}

/**
 * A folder of Accelerator.save_state. Nothing in it says what belongs to it; it is written in the order weights, optimizer,
 * scheduler, sampler, random states, objects of the user's.
 */
export function needsOfAccelerate({ files, folders }: Names): Needs {
  const has = (pattern: RegExp) => files.some((name) => pattern.test(name));
  const problems: FolderProblem[] = [];
  const hasWeights = has(known.weights) || folders.some((name) => known.weightsFolder.test(name));
  if (!hasWeights) problems.push(missing("model.safetensors"));
  if (!has(/^random_states_\d+\.pkl$/)) problems.push(missing("random_states_0.pkl"));
  const numbered = [
    ["optimizer", "bin"],
    ["scheduler", "bin"],
    ["sampler", "bin"],
    ["dl_state_dict", "bin"],
    ["model", "safetensors"],
    ["pytorch_model", "bin"],
    ["random_states", "pkl"],
    ["custom_checkpoint", "pkl"],
  ] as const;
  for (const [stem, ending] of numbered) problems.push(...gaps(files, stem, ending).map(missing));
  return { problems, unseen: ["one-save", "file-list"] };
}
