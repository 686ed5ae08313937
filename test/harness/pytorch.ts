/** The Pythons with PyTorch that tests run: Debian's 1.13, and the newer one that GUARDAPESOS_PYTHON names. */
import { spawnSync } from "node:child_process";

export interface PyTorch {
  /** Path of the interpreter. */
  readonly python: string;
  /** Of torch, such as "2.15.0+cu132". */
  readonly version: string;
}

const debianPython = "/usr/bin/python3";
const askVersion = `
import importlib.metadata, importlib.util
assert importlib.util.find_spec("torch")
print(importlib.metadata.version("torch"))`;

/** Does not import torch, which takes seconds. */
function pytorchOf(python: string): PyTorch | undefined {
  const { status, stdout } = spawnSync(python, ["-c", askVersion], { encoding: "utf8" });
  return status === 0 ? { python, version: stdout.trim() } : undefined;
}

const named = process.env["GUARDAPESOS_PYTHON"];
export const oldPytorch = pytorchOf(debianPython);
export const newPytorch = named === undefined ? undefined : pytorchOf(named);

/** What is there, the old one first. */
export const pytorches = [oldPytorch, newPytorch].filter((each) => each !== undefined);

/** Which of the two are missing, to be said where their tests would be; empty when both are there. */
export const missingPytorch = [
  oldPytorch ? [] : [`no torch in ${debianPython}`],
  newPytorch
    ? []
    : [named === undefined ? "GUARDAPESOS_PYTHON names no newer PyTorch" : `no torch in ${named}`],
]
  .flat()
  .join("; ");
