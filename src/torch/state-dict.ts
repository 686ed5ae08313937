/**
 * Finding the weights in what users save. One finder for all who read a file: bare state_dicts, those under any key
 * (`state_dict`, `model_state_dict`, `gen`), several in one file, the wrappers of PyTorch (DataParallel, torch.compile,
 * AveragedModel) in any order, and the attributes of a LightningModule. Nothing is chosen among several: that is the
 * caller's, who knows which network is wanted.
 */
import { DEEPEST, isOptimizer } from "./optimizer.js";
import { unsupported } from "./problems.js";
import { isDict, isKind, type CompoundTensor, type TorchTensor, type TorchValue } from "./values.js";
import { containerItems, pathName } from "./walk.js";

/** Keys under which training scripts put the state_dict of their model, the likelier first. */
const usualKeys = ["state_dict", "model_state_dict", "model", "module", "net", "weights"];

/** What DataParallel, DistributedDataParallel, AveragedModel and torch.compile put before every name. */
const wrappers = ["module.", "_orig_mod."];
const AVERAGED = "n_averaged";

/** What people call the attribute of a module that holds one of its networks. */
const attribute =
  /^(net_?)?(g|d|gen|generator|disc|discriminator|crit|critic)(_?(ema|net|network|model|avg|averaged))?$/i;

/** Which network names of weights are those of; undefined where the caller knows none like it. */
export type Recognise = (names: ReadonlySet<string>) => string | undefined;

export interface FoundStateDict {
  /** Keys that lead to it, joined by dots; undefined for a bare state_dict. */
  readonly key: string | undefined;
  /** What all its names began with, taken off: "module.", "generator._orig_mod."; "" for nothing. */
  readonly prefix: string;
  /** By name, in order; without the prefix. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Those of its names that are no plain numbers, with torch's word for what they are: see requirePlain. */
  readonly compounds: ReadonlyMap<string, string>;
  /** Whether "module." was part of the prefix, as nn.DataParallel writes it. */
  readonly parallel: boolean;
  /** What `Recognise` said of the names. */
  readonly network: string | undefined;
}

type AnyTensor = TorchTensor | CompoundTensor;

/** A dict of tensors as it stands in the file, names and all. */
interface Raw {
  readonly key: string | undefined;
  readonly tensors: ReadonlyMap<string, AnyTensor>;
  /** Whether the names are those of modules: "conv.weight". */
  readonly dotted: boolean;
}

/**
 * A dict of names to tensors. Beside names of modules, single values may stand (`_extra_state`, an epoch); beside plain
 * words they would make it anything.
 */
function rawIn(value: TorchValue, key: string | undefined): Raw | undefined {
  if (!isDict(value)) return undefined;
  const tensors = new Map<string, AnyTensor>();
  for (const [name, tensor] of value) {
    if (typeof name === "string" && (isKind(tensor, "tensor") || isKind(tensor, "compound")))
      tensors.set(name, tensor);
  }
  const dotted = [...tensors.keys()].some((name) => name.includes("."));
  return tensors.size > 0 && (dotted || tensors.size === value.size) ? { key, tensors, dotted } : undefined;
}

/** All dicts of tensors, in the file's order. An optimizer's are not weights. */
function* rawsIn(value: TorchValue, path: readonly TorchValue[] = []): Generator<Raw> {
  if (isOptimizer(value)) return;
  const raw = rawIn(value, path.length === 0 ? undefined : pathName(path));
  if (raw !== undefined) yield raw;
  if (path.length >= DEEPEST) return;
  for (const [key, item] of containerItems(value)) yield* rawsIn(item, [...path, key]);
}

interface Part extends Pick<FoundStateDict, "prefix" | "network"> {
  readonly tensors: ReadonlyMap<string, AnyTensor>;
}

/** Takes the wrappers off, in whichever order they stand. */
function unwrapped<T extends AnyTensor>(
  tensors: ReadonlyMap<string, T>,
  prefix: string,
): { readonly prefix: string; readonly tensors: ReadonlyMap<string, T> } {
  const names = [...tensors.keys()].filter((name) => name !== AVERAGED);
  const wrapper = wrappers.find((one) => names.length > 0 && names.every((name) => name.startsWith(one)));
  if (wrapper === undefined) return { prefix, tensors };
  const inner = names.map((name) => [name.slice(wrapper.length), tensors.get(name)!] as const);
  return unwrapped(new Map(inner), prefix + wrapper);
}

/** By the first word of their names: {"generator": {"conv.weight": ...}}. */
function byAttribute(tensors: ReadonlyMap<string, AnyTensor>): Map<string, Map<string, AnyTensor>> {
  const groups = new Map<string, Map<string, AnyTensor>>();
  for (const [name, tensor] of tensors) {
    const at = name.indexOf(".");
    if (at < 0) continue;
    const word = name.slice(0, at);
    const group = groups.get(word) ?? new Map<string, AnyTensor>();
    groups.set(word, group.set(name.slice(at + 1), tensor));
  }
  return groups;
}

/** The networks that one dict of tensors holds: itself, or those of a LightningModule's attributes. */
function partsOf(
  tensors: ReadonlyMap<string, AnyTensor>,
  prefix: string,
  recognise: Recognise,
  depth: number,
): Part[] {
  const whole = unwrapped(tensors, prefix);
  const network = recognise(new Set(whole.tensors.keys()));
  if (network !== undefined || depth >= DEEPEST) return [{ ...whole, network }];
  const groups = byAttribute(whole.tensors);
  const grouped = [...groups.values()].reduce((sum, { size }) => sum + size, 0);
  // A module may have a layer `g`: by their words alone they are networks only where there is nothing beside them.
  const all = grouped === whole.tensors.size && [...groups.keys()].every((word) => attribute.test(word));
  const parts: Part[] = [];
  for (const [word, inner] of groups) {
    const found = partsOf(inner, `${whole.prefix}${word}.`, recognise, depth + 1);
    parts.push(...found.filter((part) => all || part.network !== undefined));
  }
  return parts.length > 0 ? parts : [{ ...whole, network }];
}

const sameTensors = (one: Part, other: Part): boolean =>
  one.tensors.size === other.tensors.size &&
  [...one.tensors].every(([name, tensor]) => other.tensors.get(name) === tensor);

/** The tensors of plain numbers apart from the others. */
function sorted({ prefix, tensors }: Part): Pick<FoundStateDict, "tensors" | "compounds"> {
  const plain = new Map<string, TorchTensor>();
  const compounds = new Map<string, string>();
  for (const [name, tensor] of tensors) {
    if (tensor.kind === "compound") compounds.set(prefix + name, tensor.layout);
    else plain.set(name, tensor);
    if (tensor.kind === "tensor" && tensor.quantisation !== undefined)
      compounds.set(prefix + name, "quantised");
  }
  return { tensors: plain, compounds };
}

/**
 * For those who calculate with the weights, or write them.
 * @throws TORCH_FILE_UNSUPPORTED when one of them is no tensor of plain numbers, with its name
 */
export function requirePlain(file: string, found: FoundStateDict): void {
  const [compound] = found.compounds;
  if (compound === undefined) return;
  const [tensor, layout] = compound;
  const name = found.key === undefined ? tensor : `${found.key}.${tensor}`;
  throw unsupported(file, { feature: "compound", layout, tensor: name });
}

/**
 * All state_dicts of a file's value, in its order. Dicts of tensors whose names are no modules' count only where there is
 * nothing else, and the same tensors under two keys once.
 * @param recognise tells networks by the names of their weights
 */
export function stateDictsIn(
  value: TorchValue,
  recognise: Recognise = () => undefined,
): readonly FoundStateDict[] {
  const raws = [...rawsIn(value)];
  const dotted = raws.filter((raw) => raw.dotted);
  const found: FoundStateDict[] = [];
  for (const { key, tensors } of dotted.length > 0 ? dotted : raws) {
    for (const part of partsOf(tensors, "", recognise, 0)) {
      if (found.some((other) => other.key !== key && sameTensors(part, other))) continue;
      found.push({ ...part, ...sorted(part), key, parallel: /(^|\.)module\./.test(part.prefix) });
    }
  }
  return found;
}

/** How a person says which one is meant: the key, with the attribute where one dict holds several. */
export function stateDictName({ key, prefix }: FoundStateDict): string {
  const attributes = prefix.split(".").filter((word) => word !== "" && !wrappers.includes(`${word}.`));
  return [...(key === undefined ? [] : [key]), ...attributes].join(".");
}

/** What can be chosen by a name: `names` are those of stateDictName, or their last part. All of them without names. */
export function chosenOf(
  found: readonly FoundStateDict[],
  names: readonly string[] | undefined,
): readonly FoundStateDict[] {
  if (names === undefined) return found;
  const last = (name: string) => name.slice(name.lastIndexOf(".") + 1);
  const exact = found.filter((one) => names.includes(stateDictName(one)));
  return exact.length > 0 ? exact : found.filter((one) => names.includes(last(stateDictName(one))));
}

/** Those of one dict together, each name with what it began with, as they stand there; undefined for several dicts. */
export function together(found: readonly FoundStateDict[]): ReadonlyMap<string, TorchTensor> | undefined {
  if (found.length === 1) return found[0]!.tensors;
  if (found.length === 0 || found.some(({ key }) => key !== found[0]!.key)) return undefined;
  const named = found.flatMap(({ prefix, tensors }) =>
    [...tensors].map(([name, tensor]) => [prefix + name, tensor] as const),
  );
  return unwrapped(new Map(named), "").tensors;
}

/**
 * The state_dict of a file's value: the value itself, or what stands under the likeliest key; undefined when there is none.
 * Of several, others may be meant: see stateDictsIn.
 */
export function findStateDict(value: TorchValue): FoundStateDict | undefined {
  const found = stateDictsIn(value);
  const usual = usualKeys.map((key) => found.find((one) => one.key === key));
  return usual.find((one) => one !== undefined) ?? found[0];
}
