/**
 * Our networks, losses, gradients and updates against PyTorch's, from two sides:
 * - the graphs, evaluated in float64 by their plain definitions, must be PyTorch's float64 numbers (the mathematics);
 * - the same graphs on ONNX Runtime in float32 must be as near to those as PyTorch's own float32 runs were (the
 *   arithmetic). A leaky ReLU whose input is within rounding of 0 may take the other slope: how much that changes each
 *   element is computed, and allowed.
 */
import { describe, expect, it, vi } from "vitest";
import { createSession, fromEngine, toEngine, type EngineOptions } from "../../src/engine/session.js";
import { createGraph, input, isInput, reachable, type Node } from "../../src/engine/graph.js";
import { gradients } from "../../src/engine/gradients.js";
import { clockAt } from "../../src/engine/adam.js";
import * as ort from "../../src/engine/onnx-runtime.js";
import { inputName, lowerGraph, zeroInput } from "../../src/engine/onnx/emit.js";
import { encodeModel } from "../../src/engine/onnx/model.js";
import { f2, f4, type Form } from "../../src/engine/onnx/winograd.js";
import { meanAll, scale, slice, square, sqrt, sub, sum, constant } from "../../src/engine/ops.js";
import { critic } from "../../src/progan/critic.js";
import {
  activeParameters,
  networks,
  parametersOf,
  stateDictKeys,
  type Network,
} from "../../src/progan/parameters.js";
import { resolutions } from "../../src/progan/config.js";
import { adamHyperparameters, correctionName, rateName, wholeStep } from "../../src/trainer/step-graph.js";
import { createTrainer } from "../../src/trainer/trainer.js";
import type { TrainState } from "../../src/trainer/state.js";
import { sizeOf } from "../../src/base/named-arrays.js";
import { evaluateAll, evaluateTurned, type Value } from "../engine/reference.js";
import {
  architectureOf,
  cases,
  edges,
  goldFolder,
  goldMissing,
  growing,
  loadNet,
  nets,
  number,
  readArrays,
  toFloat64,
  type Case,
  type Pair,
} from "./gold.js";
import { observe } from "./observe.js";

const cpu: EngineOptions = { provider: "cpu", threads: 1 };
const learningRate = 1e-3;

/** Relative to the sum of sizes: PyTorch's float64 and ours add up in different orders. */
const exact = 1e-9;

type Feeds = Map<string, Float64Array>;

/** A case's parameters, moments and first inputs by the names of our graphs. */
function feedsOf(state: TrainState, one: Case, arrays: ReturnType<typeof readArrays>): Feeds {
  const feeds: Feeds = toFloat64(state.arrays);
  for (const network of networks) {
    for (const { name, shape } of parametersOf(network, architectureOf(one.net))) {
      for (const moment of ["exp_avg", "exp_avg_sq"]) {
        const full = `${network}/${name}/${moment}`;
        if (!feeds.has(full)) feeds.set(full, new Float64Array(sizeOf(shape)));
      }
    }
  }
  feeds.set("latent", arrays.get("z.0")!.data);
  feeds.set("real", arrays.get("real.0")!.data);
  feeds.set("beta", arrays.get("beta.0")!.data);
  feeds.set("alpha", Float64Array.of(one.alpha));
  return feeds;
}

type Run = typeof onEngine;

async function onEngine(
  outputs: ReadonlyMap<string, Node>,
  feeds: Feeds,
): Promise<Map<string, Float32Array>> {
  const session = await createSession("a parity case", outputs, cpu);
  const inputs = reachable([...outputs.values()]).filter(isInput);
  const tensors = inputs.map(({ attributes: { name, shape } }) => {
    return [name, toEngine({ shape, data: Float32Array.from(feeds.get(name)!) })] as const;
  });
  const results = await session.run(new Map(tensors));
  await session.release();
  return new Map([...results].map(([name, tensor]) => [name, fromEngine(tensor).data]));
}

/** The same with one way of computing forced on every 3x3 convolution. */
const forced =
  (form: Form | undefined): Run =>
  async (outputs, feeds) => {
    const model = encodeModel(lowerGraph(outputs, "cpu", new Set(), () => form));
    const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
    const fed = reachable([...outputs.values()]).filter(isInput).map(({ attributes: { name, shape } }) => {
      return [inputName(name), new ort.Tensor("float32", Float32Array.from(feeds.get(name)!), shape)] as const;
    }); // prettier-ignore
    const zero = new ort.Tensor("int64", BigInt64Array.of(0n), [1]);
    const beside = session.inputNames.includes(zeroInput) ? { [zeroInput]: zero } : {};
    const results = await session.run({ ...Object.fromEntries(fed), ...beside });
    await session.release();
    return new Map(Object.entries(results).map(([name, tensor]) => [name, fromEngine(tensor).data]));
  };

/**
 * The outputs in float32 on the engine, in float64, and in float64 with the engine's signs where a slope hangs on them:
 * rounding may turn the sign of what is nearly 0, and then a gradient is another one, rightly.
 * @param nearly how far from 0 a value may be whose sign was turned
 */
async function threeWays(
  outputs: ReadonlyMap<string, Node>,
  feeds: Feeds,
  nearly: number,
  run: Run = onEngine,
) {
  const nodes = [...outputs.values()];
  const kinks = [
    ...new Set(reachable(nodes).flatMap(({ op, inputs }) => (op === "leakySlope" ? [inputs[0]!] : []))),
  ];
  const watched = kinks.map((node) => [`kink ${node.id}`, node] as const);
  const actual = await run(new Map([...outputs, ...watched]), feeds);
  const all = evaluateAll(nodes, feeds);
  const signs = new Map(kinks.map((node) => [node, actual.get(`kink ${node.id}`)!]));
  for (const [node, values] of signs) {
    const exact = all.get(node)!.data;
    values.forEach((y, at) => {
      if (y > 0 !== exact[at]! > 0) expect(Math.abs(exact[at]!)).toBeLessThan(nearly);
    });
  }
  const exactly = nodes.map((node) => all.get(node)!);
  return { actual, exactly, turned: evaluateTurned(nodes, feeds, all, signs) };
}

/** Our float64 against PyTorch's. */
function expectExact(value: Value, { f64, shape }: Pair, what: string, tolerance = exact): void {
  expect(sizeOf(value.shape), what).toBe(sizeOf(shape));
  const absolute = value.data.reduce((total, v) => total + Math.abs(v), 0);
  // A gradient that is 0 but for rounding has no size of its own to compare with.
  const size = Math.max(number(f64.abs_sum), 1e-6);
  expect(Math.abs(absolute - number(f64.abs_sum)) / size, `${what}: sum of sizes`).toBeLessThan(tolerance);
  const total = value.data.reduce((sumSoFar, v) => sumSoFar + v, 0);
  expect(Math.abs(total - number(f64.sum)) / size, `${what}: sum`).toBeLessThan(tolerance);
  const largest = value.data.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
  expect(Math.abs(largest - number(f64.max_abs)), `${what}: largest`).toBeLessThan(
    tolerance * (1 + number(f64.max_abs)),
  );
  f64.first8.forEach((v, i) =>
    expect(Math.abs(value.data[i]! - number(v)), `${what}: element ${i}`).toBeLessThan(
      tolerance * (1 + number(f64.max_abs)),
    ),
  );
}

/** How far float32 may be from float64: as far as PyTorch's own was, with room for another order of summation. */
function toleranceOf({ max_abs_diff: one, alt_max_abs_diff: other = 0, f64 }: Pair): number {
  return 6 * Math.max(one, other) + 3e-6 * number(f64.max_abs) + 3e-7;
}

/** Our float32 against our float64 with the same signs, element by element; `few`: the share that may be elsewhere. */
function expectNear(actual: Float32Array, turned: Value, pair: Pair, what: string, few = 0): void {
  const tolerance = toleranceOf(pair);
  const distances = turned.data.map((v, i) => Math.abs(actual[i]! - v));
  const beyond = distances.filter((distance) => !(distance <= tolerance)).length;
  const worst = distances.reduce((max, distance) => Math.max(max, distance), 0) / tolerance;
  expect(beyond / actual.length, `${what}: worst ${worst} times the tolerance`).toBeLessThanOrEqual(few);
}

async function lookAtCase(one: Case) {
  const architecture = architectureOf(one.net);
  const arrays = readArrays(one.inputs);
  const state = await loadNet(one.net);
  const feeds = feedsOf(state, one, arrays);
  return { architecture, arrays, state, feeds, fading: one.alpha < 1 };
}

/** The outputs of the whole step and what feeds its Adam clocks. */
function stepOf(one: Case, state: TrainState, feeds: Feeds, fading: boolean) {
  const clocks: Record<Network, Map<string, number>> = { generator: new Map(), critic: new Map() };
  for (const network of networks) {
    const counts: number[] = [];
    for (const { name } of activeParameters(network, architectureOf(one.net), one.steps)) {
      const count = state.counters.get(`${network}/${name}`) ?? 0;
      if (!counts.includes(count)) counts.push(count);
      clocks[network].set(name, counts.indexOf(count));
    }
    counts.forEach((count, clock) => {
      const { rate, correction } = clockAt(count + 1, learningRate, adamHyperparameters);
      feeds.set(rateName(network, clock), Float64Array.of(rate));
      feeds.set(correctionName(network, clock), Float64Array.of(correction));
    });
  }
  const resolution = resolutions[one.steps]!;
  return wholeStep({
    architecture: architectureOf(one.net),
    resolution,
    batchSize: one.batch,
    fading,
    clocks,
  });
}

const expectedOf = (one: Case, name: string): Pair | null | undefined => {
  const [group, parameter] = name.split("/") as [keyof Case, string | undefined];
  return parameter === undefined
    ? (one[group] as Pair)
    : (one[group] as Record<string, Pair | null>)[parameter];
};

const figures = {
  critic_loss: "criticLoss",
  gp: "gradientPenalty",
  mean_real: "realScore",
  mean_fake: "fakeScore",
  gen_loss: "generatorLoss",
} as const;

// Whole steps in float64, by plain loops.
vi.setConfig({ testTimeout: 300_000 });

describe.skipIf(goldMissing)(`parity with PyTorch (${goldFolder})`, () => {
  it("has the reference's parameters, keys and order", () => {
    for (const [net, info] of Object.entries(nets)) {
      for (const network of networks) {
        const architecture = architectureOf(net);
        const shapes = new Map(parametersOf(network, architecture).map(({ name, shape }) => [name, shape]));
        const keys = stateDictKeys(network, architecture).map(([key, parameter]) => [
          key,
          shapes.get(parameter),
        ]);
        expect(keys).toEqual(info[network].state_dict_keys_in_order);
        expect([...shapes.keys()]).toEqual(info[network].optimizer_index_to_name);
      }
    }
  });

  describe.each(cases.map((one) => [one.case, one] as const))("%s", (_name, one) => {
    it("outputs, losses and every gradient", async () => {
      const { architecture, feeds, fading } = await lookAtCase(one);
      const outputs = observe(architecture, one.batch, one.steps, fading);
      const names = [...outputs.keys()];
      const { actual, exactly, turned } = await threeWays(outputs, feeds, 1e-4);
      const seen = new Set<string>();
      names.forEach((name, i) => {
        const scalar = one.scalars[name];
        if (scalar) {
          expect(Math.abs(exactly[i]!.data[0]! - scalar.f64), name).toBeLessThan(
            exact * (1 + Math.abs(scalar.f64)),
          );
          const spread = Math.max(Math.abs(scalar.f32 - scalar.f64), Math.abs(scalar.f32_alt - scalar.f64));
          const tolerance = 6 * spread + 3e-6 * (1 + Math.abs(scalar.f64));
          expect(Math.abs(actual.get(name)![0]! - scalar.f64), name).toBeLessThan(tolerance);
          return;
        }
        const pair = expectedOf(one, name);
        expect(pair, `${name} has a gradient in PyTorch`).toBeTruthy();
        expectExact(exactly[i]!, pair!, name);
        expectNear(actual.get(name)!, turned[i]!, pair!, name);
        seen.add(name);
      });
      // A parameter that we leave out must have no gradient there, or one of exactly 0 (the old path at alpha 1).
      for (const group of ["critic_grads_drift0", "critic_grads_drift1e-3", "gen_grads_before"] as const) {
        for (const [parameter, pair] of Object.entries(one[group])) {
          if (!seen.has(`${group}/${parameter}`)) expect(number(pair?.f64.max_abs ?? 0), parameter).toBe(0);
        }
      }
    });

    it("one update of both networks, with Adam's state", async () => {
      const { state, feeds, fading } = await lookAtCase(one);
      const outputs = stepOf(one, state, feeds, fading);
      const names = [...outputs.keys()];
      // Adam's first step moves every element by about lr * sign(g): what comes after it may be further off.
      const { actual, exactly, turned } = await threeWays(outputs, feeds, 1e-2);
      const at = (name: string): number => names.indexOf(name);
      const losses = exactly[at("losses")]!.data;
      expect(Math.abs(losses[4]! - one.scalars["gen_loss_after"]!.f64)).toBeLessThan(1e-7);
      for (const [network, params, adam] of [
        ["critic", one.critic_params_after, one.critic_adam_after],
        ["generator", one.gen_params_after, one.gen_adam_after],
      ] as const) {
        for (const [parameter, pair] of Object.entries(params)) {
          const name = `${network}/${parameter}`;
          if (at(name) < 0) {
            expect(number(pair!.f64.first8[0]!)).toBeCloseTo(feeds.get(name)![0]!, 6);
            continue;
          }
          // One whose gradient is nearly 0 may go either way.
          expectExact(exactly[at(name)]!, pair!, name, 1e-7);
          expectNear(actual.get(name)!, turned[at(name)]!, pair!, name, 0.01);
          const worst = actual
            .get(name)!
            .reduce((max, v, i) => Math.max(max, Math.abs(v - exactly[at(name)]!.data[i]!)), 0);
          expect(worst).toBeLessThan(2.1 * learningRate);
          const moments = adam[parameter]!;
          expect((state.counters.get(name) ?? 0) + 1, `${name}: step`).toBe(moments.step);
          for (const moment of ["exp_avg", "exp_avg_sq"] as const) {
            const full = `${name}/${moment}`;
            expectExact(exactly[at(full)]!, moments[moment], full, 1e-7);
            expectNear(actual.get(full)!, turned[at(full)]!, moments[moment], full, 0.001);
          }
        }
      }
      for (const [parameter, pair] of Object.entries(one.gen_grads_after)) {
        // With beta1 = 0 the first moment is the gradient.
        const index = at(`generator/${parameter}/exp_avg`);
        if (pair && index >= 0) expectExact(exactly[index]!, pair, parameter, 1e-7);
      }
    });

    it("ten steps in a row, tightly as long as float32 allows", async () => {
      const { architecture, arrays, state } = await lookAtCase(one);
      const trainer = createTrainer({ architecture, seed: 0, engine: cpu, learningRate }, state, (index) => ({
        latent: Float32Array.from(arrays.get(`z.${index}`)!.data),
        beta: Float32Array.from(arrays.get(`beta.${index}`)!.data),
      }));
      const steps = one.trajectory["critic_loss"]!.f64.length;
      for (let k = 0; k < steps; k++) {
        const images = Float32Array.from(arrays.get(`real.${k}`)!.data);
        const { losses } = await trainer.step({
          resolution: resolutions[one.steps]!,
          alpha: one.alpha,
          batches: [{ index: k, start: 0, size: one.batch, weight: 1, images }],
          handOver: false,
        });
        for (const [name, figure] of Object.entries(figures)) {
          const expected = one.trajectory[name]!.f64[k]!;
          const distance = Math.abs(losses[figure] - expected) / (1 + Math.abs(expected));
          // The first critic has had no update; then rounding may have turned a slope; beyond, only the size counts.
          const untouched = k === 0 && figure !== "generatorLoss";
          const tolerance = untouched ? 1e-5 : k < one.trajectory_usable_steps ? 1e-3 : 0.5;
          expect(distance, `${name} at step ${k}`).toBeLessThan(tolerance);
        }
      }
      await trainer.release();
    });
  });

  it.each([
    ["F(2x2)", f2],
    ["F(4x4)", f4],
    ["ONNX Runtime's convolution", undefined],
  ])("every gradient at 8x8 with each 3x3 convolution computed by %s", async (_way, form) => {
    const one = cases.find((each) => each.case === "gray_s1_a0.3")!;
    const { architecture, feeds, fading } = await lookAtCase(one);
    const outputs = observe(architecture, one.batch, one.steps, fading);
    const { actual, turned } = await threeWays(outputs, feeds, 1e-4, forced(form));
    [...outputs.keys()].forEach((name, i) => {
      if (!one.scalars[name]) expectNear(actual.get(name)!, turned[i]!, expectedOf(one, name)!, name);
    });
  });

  it.each(growing.map((one) => [one.case, one] as const))(
    "%s: layers that rest keep their state",
    async (_name, one) => {
      const architecture = architectureOf(one.net);
      const arrays = readArrays(one.inputs);
      const trainer = createTrainer(
        { architecture, seed: 0, engine: cpu, learningRate },
        await loadNet(one.net),
        (index) => ({
          latent: Float32Array.from(arrays.get(`z.${index}`)!.data),
          beta: Float32Array.from(arrays.get(`beta.${index}`)!.data),
        }),
      );
      const expected = one.set_to_none_true;
      for (const [k, { steps, alpha }] of one.schedule.entries()) {
        const images = Float32Array.from(arrays.get(`real.${k}`)!.data);
        const { losses } = await trainer.step({
          resolution: resolutions[steps]!,
          alpha,
          batches: [{ index: k, start: 0, size: one.batch, weight: 1, images }],
          handOver: false,
        });
        for (const [name, figure] of Object.entries(figures)) {
          const { f32, f64 } = expected.losses[name]!;
          const tolerance = 10 * Math.abs(f32[k]! - f64[k]!) + 2e-3 * (1 + Math.abs(f64[k]!));
          expect(Math.abs(losses[figure] - f64[k]!), `${name} at step ${k}`).toBeLessThan(tolerance);
        }
      }
      const state = await trainer.take();
      for (const network of networks) {
        for (const [parameter, count] of Object.entries(expected.adam_step[network])) {
          expect(state.counters.get(`${network}/${parameter}`) ?? null, parameter).toBe(count);
        }
        for (const [parameter, pair] of Object.entries(expected.exp_avg_sq[network])) {
          if (!pair) continue;
          const data = state.arrays.get(`${network}/${parameter}/exp_avg_sq`)!.data;
          const total = data.reduce((sumSoFar, v) => sumSoFar + v, 0);
          expect(Math.abs(total / number(pair.f64.sum) - 1), parameter).toBeLessThan(0.05);
        }
        for (const [parameter, pair] of Object.entries(expected.final_params[network])) {
          const data = state.arrays.get(`${network}/${parameter}`)!.data;
          pair!.f64.first8.forEach((v, i) =>
            expect(Math.abs(data[i]! - number(v)), parameter).toBeLessThan(0.01),
          );
        }
      }
      await trainer.release();
    },
  );

  describe.each(
    edges.flatMap((edge) => [...edge.entries].map(([name, entry]) => [name, edge, entry] as const)),
  )("edge %s", (name, edge, entry) => {
    it("agrees where PyTorch is finite, and is finite where it is not", async () => {
      const architecture = architectureOf(edge.net);
      const images = readArrays(edge.inputs).get(name)!;
      const samples = images.shape[0]!;
      const graph = createGraph();
      const parameters = new Map(
        activeParameters("critic", architecture, entry.steps).map(({ name: own, shape }) => [
          own,
          input(graph, `critic/${own}`, shape),
        ]),
      );
      const x = input(graph, "x", images.shape);
      const scores = critic((own) => parameters.get(own)!, x, undefined, entry.steps, [samples]);
      const [slope] = gradients(scale(meanAll(scores), samples), [x]);
      const norm = sqrt(sum(square(slope!), [1, 2, 3]));
      const penalty = meanAll(square(sub(norm, constant(norm, 1))));
      const penaltySlopes = gradients(penalty, [...parameters.values()]).filter((node) => node !== undefined);
      const outputs = new Map<string, Node>([
        ["scores", scores],
        ["slope", slope!],
        ["penalty", penalty],
      ]);
      penaltySlopes.forEach((node, i) => outputs.set(`p${i}`, node));
      const feeds = toFloat64((await loadNet(edge.net)).arrays);
      feeds.set("x", images.data);
      const actual = await onEngine(outputs, feeds);
      for (const values of actual.values()) expect(values.every(Number.isFinite)).toBe(true);
      if (Number.isNaN(number(entry.gp))) return;
      const close = (value: number, expected: number): void =>
        expect(Math.abs(value - expected)).toBeLessThan(1e-5 * (1 + Math.abs(expected)));
      entry.d.forEach((v, i) => close(actual.get("scores")![i]!, number(v)));
      close(actual.get("penalty")![0]!, number(entry.gp));
      const total = actual.get("slope")!.reduce((a, v) => a + Math.abs(v), 0);
      expect(Math.abs(total / number(entry.input_grad.abs_sum) - 1)).toBeLessThan(1e-5);
      entry.input_grad.first8.forEach((v, i) => close(actual.get("slope")![i]!, number(v)));
    });

    it("is the statistic's definition: 0 for one sample and for identical ones", async () => {
      const images = readArrays(edge.inputs).get(name)!;
      const [samples, ...shape] = images.shape;
      const same = new Float32Array(images.data.length);
      for (let i = 0; i < samples!; i++) same.set(images.data.subarray(0, sizeOf(shape)), i * sizeOf(shape));
      const graph = createGraph();
      const architecture = architectureOf(edge.net);
      const parameters = new Map(
        activeParameters("critic", architecture, entry.steps).map(({ name: own, shape: size }) => [
          own,
          input(graph, `critic/${own}`, size),
        ]),
      );
      const look = (own: string): Node => parameters.get(own)!;
      const x = input(graph, "x", images.shape);
      // Identical samples score as each of them alone.
      const together = critic(look, x, undefined, entry.steps, [samples!]);
      const alone = critic(look, slice(x, 0, 0, 1), undefined, entry.steps, [1]);
      const feeds = toFloat64((await loadNet(edge.net)).arrays);
      feeds.set("x", Float64Array.from(same));
      const actual = await onEngine(
        new Map([
          ["together", together],
          ["alone", alone],
        ]),
        feeds,
      );
      for (const score of actual.get("together")!) expect(score).toBeCloseTo(actual.get("alone")![0]!, 5);
    });
  });
});
