import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chosenOf, findStateDict, stateDictName, stateDictsIn } from "./state-dict.js";
import { float32Tensor } from "./tensor.js";
import { dict, orderedDict, type TorchTensor, type TorchValue } from "./values.js";

const tensor = (value = 0): TorchTensor => float32Tensor([1], Float32Array.of(value));
const weights = (...names: string[]) => new Map(names.map((name, i) => [name, tensor(i)] as const));
const generator = weights("initial.1.weight", "initial_rgb.bias");
const critic = weights("final_block.0.conv.weight", "rgb_layers.0.bias");
const prefixed = (prefix: string, tensors: ReadonlyMap<string, TorchTensor>) =>
  orderedDict([...tensors].map(([name, one]) => [prefix + name, one]));
const recognise = (names: ReadonlySet<string>) =>
  names.has("initial.1.weight") ? "generator" : names.has("final_block.0.conv.weight") ? "critic" : undefined;
const shown = (value: TorchValue) =>
  stateDictsIn(value, recognise).map((one) => [stateDictName(one), one.prefix, one.network]);

const wrapper = fc.constantFrom("module.", "_orig_mod.");
/** What a script may nest around a state_dict; the keys that lead to it. */
const nesting = fc.array(fc.constantFrom("state_dict", "model_state_dict", "model", "params_ema", "nets"), {
  maxLength: 3,
});

describe("the finder of state_dicts", () => {
  it("takes wrappers off in any order, under any keys, beside anything that is none", () => {
    fc.assert(
      fc.property(fc.array(wrapper, { maxLength: 4 }), nesting, fc.boolean(), (words, keys, averaged) => {
        const prefix = words.join("");
        const names = prefixed(prefix, generator);
        // AveragedModel wraps as "module." does, and counts beside it.
        const state =
          averaged && words[0] === "module." ? new Map([["n_averaged", tensor(3)], ...names]) : names;
        const value = keys.reduceRight<TorchValue>(
          (inner, key) =>
            dict({
              epoch: 3,
              loss: tensor(),
              optimizer: dict({ state: dict({ w: dict({ exp_avg: tensor() }) }), param_groups: [] }),
              [key]: inner,
            }),
          state,
        );
        const [found, ...others] = stateDictsIn(value, recognise);
        expect(others).toEqual([]);
        expect([...found!.tensors]).toEqual([...generator]);
        expect(found).toMatchObject({ prefix, network: "generator", parallel: words.includes("module.") });
        expect(found!.key).toBe(keys.length === 0 ? undefined : keys.join("."));
        // Who knows no network finds the same.
        expect([...findStateDict(value)!.tensors]).toEqual([...generator]);
      }),
    );
  });

  it("finds both networks of one file, each under its key, in a list, or as attributes of a LightningModule", () => {
    expect(shown(dict({ gen: prefixed("", generator), critic: prefixed("module.", critic) }))).toEqual([
      ["gen", "", "generator"],
      ["critic", "module.", "critic"],
    ]);
    expect(shown(dict({ nets: [prefixed("", generator), prefixed("", critic)] }))).toEqual([
      ["nets.0", "", "generator"],
      ["nets.1", "", "critic"],
    ]);
    const lightning = dict({
      state_dict: orderedDict([
        ...prefixed("net_g._orig_mod.", generator),
        ...prefixed("discriminator.", critic),
        ["fid.inception.weight", tensor()],
      ]),
    });
    expect(shown(lightning)).toEqual([
      ["state_dict.net_g", "net_g._orig_mod.", "generator"],
      ["state_dict.discriminator", "discriminator.", "critic"],
    ]);
    // Whoever knows none of the networks is given the dict as it is: a layer may be called like a network.
    expect(stateDictsIn(lightning)).toMatchObject([{ key: "state_dict", prefix: "", tensors: { size: 5 } }]);
    const layers = orderedDict([...prefixed("g.", generator), ...prefixed("to_rgb.", critic)]);
    expect(stateDictsIn(layers)).toMatchObject([{ prefix: "", tensors: { size: 4 } }]);
  });

  it("chooses nothing among several, and takes the same tensors under two keys for one", () => {
    const average = weights("initial.1.weight", "initial_rgb.bias");
    const value = dict({ params: prefixed("", generator), params_ema: prefixed("", average) });
    const found = stateDictsIn(value, recognise);
    expect(found.map(stateDictName)).toEqual(["params", "params_ema"]);
    expect(chosenOf(found, ["params_ema"]).map(stateDictName)).toEqual(["params_ema"]);
    expect(chosenOf(found, ["ema"])).toEqual([]);
    expect(shown(dict({ model: prefixed("", generator), state_dict: prefixed("", generator) }))).toHaveLength(
      1,
    );
    // The last part of a name is enough.
    const deep = stateDictsIn(
      dict({ models: dict({ g: prefixed("", generator), d: prefixed("", critic) }) }),
    );
    expect(chosenOf(deep, ["d"]).map(stateDictName)).toEqual(["models.d"]);
  });

  it("takes no statistics, losses or single words for weights where there are weights", () => {
    const value = dict({
      norm: dict({ mean: tensor(), std: tensor() }),
      rng: dict({ cpu: tensor(), time: 3 }),
      weights: prefixed("", generator),
    });
    expect(shown(value)).toEqual([["weights", "", "generator"]]);
    expect(stateDictsIn(dict({ norm: dict({ mean: tensor() }) }))).toHaveLength(1);
    expect(stateDictsIn(dict({ state_dict: dict({ w: tensor(), epoch: 1 }) }))).toEqual([]);
    // What PyTorch itself puts between the tensors of a state_dict.
    expect(
      shown(dict({ state_dict: new Map<TorchValue, TorchValue>([...generator, ["bn._extra_state", null]]) })),
    ).toHaveLength(1);
  });
});
