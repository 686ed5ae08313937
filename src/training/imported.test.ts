import { describe, expect, it } from "vitest";
import type { ImportedOptimizer } from "../checkpoint/index.js";
import { presets } from "../progan/config.js";
import { warning } from "../events/warning.js";
import { learningRateOf, remarksOn, trainedTo } from "./imported.js";

const here = { lr: 0.001, betas: "(0, 0.99)", eps: 1e-8, weight_decay: 0, amsgrad: "false" };
const optimizer = (facts: Partial<Omit<ImportedOptimizer, "options">> = {}, options: object = {}): ImportedOptimizer => ({
  kind: "Adam",
  left: undefined,
  trained: ["initial_rgb.conv.weight", "rgb_layers.1.conv.weight", "rgb_layers.2.conv.weight"],
  steps: 9,
  ...facts,
  options: new Map(Object.entries({ ...here, ...options })),
}); // prettier-ignore
const networks = ["generator", "critic"];
const both = (one: ImportedOptimizer, other = one) => new Map([["generator", one], ["critic", other]]); // prettier-ignore
const said = (optimizers: Map<string, ImportedOptimizer>, learningRate = 0.001, wished = { learningRate: false, start: false }) =>
  remarksOn("a, b", { optimizers }, networks, { ...presets.demo, learningRate }, wished, 0.001).map(({ code, data }) => [code, warning(code, data).detail]); // prettier-ignore

describe("a plain pair's optimizer", () => {
  it("like ours needs no word", () => {
    expect(said(both(optimizer()))).toEqual([]);
    expect(learningRateOf(both(optimizer()))).toBe(0.001);
    expect(trainedTo(optimizer())).toBe(16);
  });

  it("with other options gives its learning rate, and each other option is said", () => {
    const other = { lr: 1e-5, betas: "(0.5, 0.999)", eps: 1e-6, weight_decay: 0.01, amsgrad: "true" };
    const optimizers = both(optimizer({}, other));
    expect(learningRateOf(optimizers)).toBe(1e-5);
    expect(said(optimizers, 1e-5)).toEqual([
      ["OPTIMIZER_OPTIONS_DIFFER", "betas (0.5, 0.999) → (0, 0.99), eps 0.000001 → 1e-8, weight_decay 0.01 → 0, amsgrad true → false"],
      ["LEARNING_RATE_TAKEN", "0.00001"],
    ]);
    // A rate that was typed wins, and is said like any other option.
    expect(said(optimizers, 0.5, { learningRate: true, start: false })[0]![1]).toMatch(/^lr 0.00001 → 0.5, betas/);
  }); // prettier-ignore

  it("with a rate of its own for each network cannot keep both, and that is said", () => {
    const optimizers = both(optimizer({}, { lr: 1e-4 }), optimizer({}, { lr: 4e-4 }));
    expect(learningRateOf(optimizers)).toBeUndefined();
    expect(said(optimizers)).toEqual([["OPTIMIZER_OPTIONS_DIFFER", "generator: lr 0.0001 → 0.001, critic: lr 0.0004 → 0.001"]]); // prettier-ignore
    expect(learningRateOf(both(optimizer({}, { lr: 0 })))).toBeUndefined();
  });

  it("of another kind is named, its rate is not Adam's, and its place is kept", () => {
    const optimizers = both(optimizer({ kind: "SGD", left: "kind" }, { lr: 0.1 }), optimizer({ kind: "Muon", left: "kind" }));
    expect(learningRateOf(optimizers)).toBeUndefined();
    expect(said(optimizers)).toEqual([["OPTIMIZER_NOT_ADAM", "generator: SGD, critic: Muon"]]);
  }); // prettier-ignore

  it("that does not fit, is one of several, or is missing is said as that; so is a place that nothing tells", () => {
    const unknown = { trained: [] };
    const unclear = both(optimizer({ ...unknown, left: "fit" }), optimizer({ ...unknown, left: "several" }));
    expect(said(unclear)).toEqual([["OPTIMIZER_UNCLEAR", "generator, critic"], ["RESOLUTION_UNKNOWN", "4"]]); // prettier-ignore
    expect(said(new Map())).toEqual([["NO_OPTIMIZER_STATE", "a, b"], ["RESOLUTION_UNKNOWN", "4"]]); // prettier-ignore
    expect(said(new Map([["generator", optimizer()]]))).toEqual([["NO_OPTIMIZER_STATE", "critic"]]);
    expect(said(new Map(), 0.001, { learningRate: false, start: true })).toEqual([["NO_OPTIMIZER_STATE", "a, b"]]); // prettier-ignore
  });
});
