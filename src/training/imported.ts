/** What is taken of a plain PyTorch pair beside its weights, and what has to be said about the rest. Pure. */
import type { Checkpoint, ImportedOptimizer } from "../checkpoint/index.js";
import { adamBetas, adamEps, resolutions, type Resolution, type TrainingConfig } from "../progan/config.js";
import { rgbLayer } from "../progan/parameters.js";
import { otherOption, type OtherOption, type Warning } from "../events/warning.js";

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

/** Each option of an Adam that is another one here, with its value as PyTorch writes it; once where both networks have it. */
function otherOptions(optimizers: Optimizers, learningRate: number): OtherOption[] {
  const here = new Map<string, number | string>([
    ["lr", learningRate],
    ["betas", `(${adamBetas.join(", ")})`],
    ["eps", adamEps],
    ["weight_decay", 0],
    ["amsgrad", "false"],
    ["maximize", "false"],
  ]);
  const found = new Map<string, OtherOption>();
  for (const [network, { left, options }] of optimizers) {
    if (left === "kind") continue;
    for (const [name, own] of here) {
      const there = options.get(name);
      if (there === undefined || there === own) continue;
      const all = [...optimizers.values()].every((other) => other.options.get(name) === there);
      const option = { network: all ? undefined : network, name, there, here: own };
      found.set(otherOption(option), option);
    }
  }
  return [...found.values()];
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
): Warning[] {
  const remarks: Warning[] = [];
  const because = (left: ImportedOptimizer["left"]) =>
    [...optimizers].filter(([, optimizer]) => optimizer.left === left);
  const foreign = because("kind").map(([network, { kind }]) => ({ network, kind }));
  if (foreign.length > 0) remarks.push({ code: "OPTIMIZER_NOT_ADAM", data: { optimizers: foreign } });
  const unclear = [...because("fit"), ...because("several")].map(([network]) => network);
  if (unclear.length > 0) remarks.push({ code: "OPTIMIZER_UNCLEAR", data: { networks: unclear } });
  const without = networks.filter((network) => !optimizers.has(network));
  const whose = without.length === networks.length ? [] : without;
  if (without.length > 0) remarks.push({ code: "NO_OPTIMIZER_STATE", data: { id, networks: whose } });
  const others = otherOptions(optimizers, config.learningRate);
  if (others.length > 0) remarks.push({ code: "OPTIMIZER_OPTIONS_DIFFER", data: { options: others } });
  if (!wished.learningRate && config.learningRate !== preset)
    remarks.push({ code: "LEARNING_RATE_TAKEN", data: { learningRate: config.learningRate } });
  if (!wished.start && trainedTo(optimizers.get("generator")) === undefined)
    remarks.push({ code: "RESOLUTION_UNKNOWN", data: { start: config.start } });
  return remarks;
}
