import { describe, expect, it } from "vitest";
import { kindOf, numberIn, numbersIn, optimizersIn, optionsIn } from "./optimizer.js";
import { float32Tensor, tensorOf } from "./tensor.js";
import { dict, pythonFloat, tuple, type TorchValue } from "./values.js";

const one = (value: number) => float32Tensor([], Float32Array.of(value));
const optimizer = (options: Record<string, TorchValue>, entry?: Record<string, TorchValue>) =>
  dict({
    state: new Map<TorchValue, TorchValue>(entry === undefined ? [] : [[0, dict(entry)]]),
    param_groups: [dict({ ...options, params: [0] })],
  });
const kind = (options: Record<string, TorchValue>, entry?: Record<string, TorchValue>) =>
  kindOf([...optimizersIn(optimizer(options, entry))][0]!);

/** The options of each of PyTorch's optimizers, as 2.x writes them, and the state of one parameter. */
const adam = { lr: 1, betas: tuple(0, 1), eps: 1, weight_decay: 0, amsgrad: false };
const moments = { step: one(1), exp_avg: one(0), exp_avg_sq: one(0) };
const momentum = { momentum_buffer: one(0) };
const examples: readonly (readonly [string | undefined, Record<string, TorchValue>, Record<string, TorchValue>?])[] = [
  ["Adam", adam, moments],
  ["Adam", adam],
  ["Adam", { ...adam, decoupled_weight_decay: false }, moments],
  ["AdamW", { ...adam, decoupled_weight_decay: true }, moments],
  ["Adam (AMSGrad)", { ...adam, amsgrad: true }, { ...moments, max_exp_avg_sq: one(0) }],
  ["Adam (AMSGrad)", { ...adam, amsgrad: true }],
  ["NAdam", { ...adam, momentum_decay: 0.004 }, { ...moments, mu_product: one(1) }],
  ["RAdam", { lr: 1, betas: tuple(0, 1), eps: 1, weight_decay: 0, decoupled_weight_decay: false }, moments],
  ["Adamax", { lr: 1, betas: tuple(0, 1), eps: 1 }, { step: one(1), exp_avg: one(0), exp_inf: one(0) }],
  ["Muon", { lr: 1, weight_decay: 0.1, momentum: 0.95, nesterov: true, ns_coefficients: tuple(1, 2, 3), eps: 1, ns_steps: 5, adjust_lr_fn: null }, momentum],
  ["SGD", { lr: 0.1, momentum: 0.9, dampening: 0, weight_decay: 0, nesterov: false }, momentum],
  ["SGD", { lr: 0.1, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false }],
  ["SGD", { lr: 0.1, momentum: 0.9 }, momentum],
  ["RMSprop", { lr: 1, momentum: 0.9, alpha: 0.99, eps: 1, centered: false }, { square_avg: one(0), ...momentum }],
  ["Adagrad", { lr: 1, lr_decay: 0, eps: 1, initial_accumulator_value: 0 }, { step: one(1), sum: one(0) }],
  ["Adadelta", { lr: 1, rho: 0.9, eps: 1 }, { square_avg: one(0), acc_delta: one(0) }],
  ["Adafactor", { lr: 1, beta2_decay: -0.8, eps: tuple(null, 1), d: 1 }, { step: one(1), row_var: one(0), col_var: one(0) }],
  ["ASGD", { lr: 1, lambd: 1, alpha: 0.75, t0: 1 }, { ax: one(0) }],
  ["Rprop", { lr: 1, etas: tuple(0.5, 1.2), step_sizes: tuple(1, 50) }, { prev: one(0) }],
  ["LBFGS", { lr: 1, max_iter: 20, history_size: 100 }, { func_evals: 1 }],
  ["Lion", { lr: 1, betas: tuple(0, 1), weight_decay: 0 }, { exp_avg: one(0) }],
  [undefined, { lr: 1 }, { something: 1 }],
]; // prettier-ignore

describe("an optimizer", () => {
  it("is known by its options and its state", () => {
    for (const [name, options, entry] of examples) expect([name, kind(options, entry)]).toEqual([name, name]);
  });

  it("is found wherever scripts put it, Lightning's list included", () => {
    const made = optimizer(adam, moments);
    const value = dict({ optimizer_states: [made, made], nets: dict({ generator: dict({ opt: made }) }) });
    expect([...optimizersIn(value)].map(({ name }) => name)).toEqual([
      "optimizer_states.0",
      "optimizer_states.1",
      "nets.generator.opt",
    ]);
    expect([...optimizersIn(made)].map(({ name }) => name)).toEqual([""]);
  });

  it("has options that are numbers, tensors of one number, or a few numbers", async () => {
    expect(await numberIn(tensorOf("float64", [1], Float64Array.of(0.1)))).toBe(0.1);
    expect(await numberIn(float32Tensor([2], new Float32Array(2)))).toBeUndefined();
    // Written as float32, read as it was typed.
    expect(await numberIn(one(1e-3))).toBe(0.001);
    expect(await numberIn(one(16_777_217))).toBe(16_777_216);
    expect(await numberIn(one(NaN))).toBeNaN();
    expect(await numbersIn([one(0.5), pythonFloat(1)])).toEqual([0.5, 1]);
    const found = [...optimizersIn(optimizer({ ...adam, lr: one(0.25), foreach: null, name: "main" }))][0]!;
    expect(Object.fromEntries(await optionsIn(found))).toEqual({ lr: 0.25, betas: "(0, 1)", eps: 1, weight_decay: 0, amsgrad: "false" }); // prettier-ignore
  });
});
