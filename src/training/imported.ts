/** What is taken of a plain PyTorch pair beside its weights, and what has to be said about the rest. Pure. */
import type { Checkpoint, ImportedOptimizer } from "../checkpoint/checkpoint.js";
import { adamBetas, adamEps, resolutions, type Resolution, type TrainingConfig } from "../progan/config.js";
import { rgbLayer } from "../progan/parameters.js";
import type { WarningCode } from "../events/event.js";

/** A warning without its moment. */
export interface Remark {
  readonly code: WarningCode;
  readonly detail: string;
}

type Optimizers = ReadonlyMap<string, ImportedOptimizer>;

/** The highest resolution whose layers any optimizer of the generator has a memory of; undefined when none tells. */
export function trainedTo(optimizer: ImportedOptimizer | undefined): Resolution | undefined {
  const trained = new Set(optimizer?.trained);
  return resolutions.filter((_, steps) => trained.has(`${rgbLayer("generator", steps)}.conv.weight`)).at(-1);
}

/** The learning rate that both Adams of a pair have; undefined when there are two, or none that one can train with. */
export function learningRateOf(optimizers: Optimizers): number | undefined {
  const rates = [...optimizers.values()].map(({ left, options }) =>
    left === "kind" ? undefined : options.get("lr"),
  );
  const [rate] = rates;
  return rates.every((one) => one === rate) && typeof rate === "number" && rate > 0 ? rate : undefined;
}

/** As people write them: 0.00001, but 1e-8. */
const decimals = (value: number | string): string =>
  typeof value === "string" || Math.abs(value) < 1e-6
    ? String(value)
    : value.toFixed(12).replace(/\.?0+$/, "");

/** "betas (0.5, 0.999) → (0, 0.99)" for each option of an Adam that is another one here. */
function otherOptions(optimizers: Optimizers, learningRate: number): string[] {
  const here = new Map<string, number | string>([
    ["lr", learningRate],
    ["betas", `(${adamBetas.join(", ")})`],
    ["eps", adamEps],
    ["weight_decay", 0],
    ["amsgrad", "false"],
    ["maximize", "false"],
  ]);
  const said = new Set<string>();
  for (const [network, { left, options }] of optimizers) {
    if (left === "kind") continue;
    for (const [name, own] of here) {
      const there = options.get(name);
      if (there === undefined || there === own) continue;
      const all = [...optimizers.values()].every((other) => other.options.get(name) === there);
      said.add(`${all ? "" : `${network}: `}${name} ${decimals(there)} → ${decimals(own)}`);
    }
  }
  return [...said];
}

/**
 * @param id the files, for a person
 * @param config what training goes on with
 * @param preset the learning rate that it would have had without the pair
 * @param wished whether a learning rate and a resolution to start at were given
 */
export function remarksOn(
  id: string,
  { optimizers = new Map() }: Pick<Checkpoint, "optimizers">,
  networks: readonly string[],
  config: TrainingConfig,
  wished: { readonly learningRate: boolean; readonly start: boolean },
  preset: number,
): Remark[] {
  const remarks: Remark[] = [];
  const because = (left: ImportedOptimizer["left"]) =>
    [...optimizers].filter(([, optimizer]) => optimizer.left === left);
  const foreign = because("kind").map(([network, { kind = "?" }]) => `${network}: ${kind}`);
  if (foreign.length > 0) remarks.push({ code: "OPTIMIZER_NOT_ADAM", detail: foreign.join(", ") });
  const unclear = [...because("fit"), ...because("several")].map(([network]) => network);
  if (unclear.length > 0) remarks.push({ code: "OPTIMIZER_UNCLEAR", detail: unclear.join(", ") });
  const without = networks.filter((network) => !optimizers.has(network));
  const whose = without.length === networks.length ? id : without.join(", ");
  if (without.length > 0) remarks.push({ code: "NO_OPTIMIZER_STATE", detail: whose });
  const others = otherOptions(optimizers, config.learningRate);
  if (others.length > 0) remarks.push({ code: "OPTIMIZER_OPTIONS_DIFFER", detail: others.join(", ") });
  if (!wished.learningRate && config.learningRate !== preset)
    remarks.push({ code: "LEARNING_RATE_TAKEN", detail: decimals(config.learningRate) });
  if (!wished.start && trainedTo(optimizers.get("generator")) === undefined)
    remarks.push({ code: "RESOLUTION_UNKNOWN", detail: String(config.start) });
  return remarks;
}
