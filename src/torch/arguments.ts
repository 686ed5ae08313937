/** What the functions by whose names a pickle makes tensors ask of their arguments. Each check ends the reading where it fails. */
import type { TorchProblem } from "../base/torch-problem.js";
import { dtypeNamed, dtypes, isPacked, looksLikeDtype, type Dtype } from "./dtypes.js";
import type { CallSite } from "./globals.js";
import { isDict, isKind, type TorchTensor, type TorchValue } from "./values.js";

export const impossible: TorchProblem = { reason: "tensor" };

/** torch itself stops at 64. */
const MAX_DIMENSIONS = 64;

/** torch knows two marks: conj and neg. */
const MAX_MARKS = 8;

export function count(args: readonly TorchValue[], least: number, most: number, site: CallSite): void {
  if (args.length < least || args.length > most) site.wrong(impossible);
}

/** A size, stride or offset. */
export function whole(value: TorchValue | undefined, site: CallSite): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) site.wrong(impossible);
  return value;
}

export function sizes(value: TorchValue | undefined, site: CallSite): number[] {
  // torch.Size(...) in place of a tuple is what some versions write, a list others.
  const inner = isKind(value, "object") && value.type.name === "Size" ? value.args[0] : value;
  const items = isKind(inner, "tuple") ? inner.items : Array.isArray(inner) ? inner : undefined;
  if (items === undefined || items.length > MAX_DIMENSIONS) site.wrong(impossible);
  return items.map((item) => whole(item, site));
}

export function truth(value: TorchValue | undefined, site: CallSite): boolean {
  if (typeof value !== "boolean") site.wrong(impossible);
  return value;
}

export function plainTensor(value: TorchValue | undefined, site: CallSite): TorchTensor {
  if (!isKind(value, "tensor")) site.wrong(impossible);
  return value;
}

/** A name such as `torch.float32`. @returns its name, which may be of a type that is not in the table */
export function dtypeName(value: TorchValue | undefined, site: CallSite): string {
  if (!isKind(value, "global") || value.module !== "torch" || !isDtypeName(value.name))
    site.wrong(impossible);
  return value.name;
}

const isDtypeName = (name: string): boolean => dtypeNamed(name) !== undefined || looksLikeDtype(name);

/** A type whose elements take whole bytes each; undefined for others, and for those that are not known. */
export function plainDtype(name: string): Dtype | undefined {
  const dtype = dtypeNamed(name);
  return dtype === undefined || isPacked(dtype) ? undefined : dtype;
}

export function noHooks(hooks: TorchValue | undefined, site: CallSite): void {
  if (hooks === undefined || hooks === null) return;
  if (!isDict(hooks) || hooks.size > 0) site.unsupported({ feature: "hooks" });
}

/** Metadata: marks that the numbers are still to be conjugated or negated. */
export function marks(
  metadata: TorchValue | undefined,
  site: CallSite,
): { readonly conj?: true; readonly neg?: true } {
  if (metadata === undefined || metadata === null) return {};
  if (!isDict(metadata)) site.wrong(impossible);
  if (metadata.size > MAX_MARKS) site.unsupported({ feature: "marked-tensors" });
  const set = [...metadata].filter(([, mark]) => mark !== false);
  const known = set.every(([name, mark]) => mark === true && (name === "conj" || name === "neg"));
  if (!known) site.unsupported({ feature: "marked-tensors" });
  return Object.fromEntries(set) as { conj?: true; neg?: true };
}

/** Whether numbers of a type can be conjugated or negated as the marks ask for. */
export function takesMarks(
  dtype: Dtype,
  { conj, neg }: { readonly conj?: boolean; readonly neg?: boolean },
): boolean {
  const complex = /^b?complex/.test(dtype);
  return (
    (conj !== true || complex) &&
    (neg !== true || complex || ["float", "integer"].includes(dtypes[dtype].kind))
  );
}
