/** What is wrong with a checkpoint, or beside it, in English: to stand inside a sentence. */
import type { Damage, Purpose } from "../base/errors.js";
import type { StoreProblem } from "../checkpoint/index.js";
import { torchFeature, torchPlace, torchProblem } from "./en-torch.js";
import { formats } from "./formats.js";

const { integer } = formats("en");

function fault(damage: Damage): string {
  switch (damage.reason) {
    case "missing":
      return "it is missing";
    case "unfinished":
      return "it is missing, so the save never finished";
    case "empty":
      return "it is empty";
    case "checksum":
      return "its SHA-256 is another";
    case "not-json":
      return "it is not complete JSON";
    case "not-canonical":
      return "it has bytes that do not belong to it";
    case "invalid":
      return `it is not a valid manifest (${damage.detail})`;
    case "tensor-missing":
      return "the tensor is missing";
    case "tensor-foreign":
      return "the tensor does not belong there";
    case "tensor-changed":
      return "its numbers are not those that were saved";
    case "shape":
      return `its shape is ${damage.shape.join("x")}, not ${damage.expected.join("x")}`;
    case "size":
      return `it has ${integer(damage.bytes)} bytes instead of ${integer(damage.expected)}`;
    case "replaced":
      return "it is another one than a moment ago";
    case "other-pair":
      return "it belongs to another save";
    case "renamed":
      return `it belongs to ${damage.other}`;
    case "unreadable":
      return `it cannot be read (${damage.detail})`;
    case "not-a-file":
      return damage.found === "link"
        ? "it is a link, and links are not followed here"
        : `it is ${damage.found === "folder" ? "a folder" : "a pipe or a device"}, not a file`;
    case "too-large":
      return `with ${integer(damage.bytes)} bytes it is larger than any that guardapesos writes`;
    case "too-deep":
      return "it is nested deeper than any that guardapesos writes";
    case "unsupported":
      return torchFeature(damage.content);
    case "torch":
      return `${torchProblem(damage.problem)} (${torchPlace(damage.place)})`;
    case "refused":
      return `it asks to run ${damage.name}`;
    case "newer-format":
      return `it was written by a newer guardapesos (format ${damage.format})`;
    case "not-finite":
      return damage.values === 1
        ? "one of its values is not a number"
        : `${integer(damage.values)} of its values are not numbers`;
  }
}

/** "critic.pth, weights/late.bias: its numbers are not those that were saved". */
export function damageOf(damage: Damage): string {
  if (damage.reason === "not-finite" || damage.reason === "newer-format") return fault(damage);
  const place = damage.where === undefined ? damage.file : `${damage.file}, ${damage.where}`;
  return `${place}: ${fault(damage)}`;
}

const problems: Record<StoreProblem["what"], (name: string) => string> = {
  "emergency-names": (name) => `The EMERGENCY files of ${name} could not be made`,
  "familiar-names": (name) => `The files with the familiar names could not be brought to ${name}`,
  mark: (name) => `${name} is whole, but could not be marked as verified`,
  journal: (name) => `The save ${name} could not be noted for the statistics`,
  removal: (name) => `${name} could not be removed`,
};

/** What the system's commonest codes mean. */
const system: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the quota of this disk is used up",
  EACCES: "this user may not",
  EPERM: "this user may not",
  EROFS: "the disk is read-only",
  EIO: "the disk has failed",
  ENOENT: "it is not there",
  EBUSY: "another program is using it",
  ENOTEMPTY: "there is something in it",
  EMFILE: "too many files are open",
};

/** Why, in words where they are known, else in the system's own. */
const why = ({ errno, detail }: StoreProblem): string => {
  const words = errno === undefined ? undefined : system[errno];
  return words === undefined ? detail : `${words}, ${errno}`;
};

export function problemOf(problem: StoreProblem): string {
  return `${problems[problem.what](problem.name)} (${why(problem)}).`;
}

/** What another guardapesos is doing. */
export const purposes: Record<Purpose, string> = {
  train: "training",
  prune: "a clean-up",
  restore: "a restore",
  backup: "a backup",
};
