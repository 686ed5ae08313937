/** The graphs of a trainer at the resolution that it trains, made when they are first needed. */
import type { Precision } from "../engine/precision.js";
import { createSession, type EngineOptions, type Session } from "../engine/session.js";
import type { Architecture } from "../progan/config.js";
import type { Network } from "../progan/parameters.js";
import type { ParameterStore } from "./parameter-store.js";
import type { GraphKey, SessionCache } from "./session-cache.js";
import { clockFeeds, clocksOf, type Clocks } from "./step-feeds.js";
import {
  criticGradients,
  generation,
  generatorGradients,
  updateStep,
  type Outputs,
  type StepShape,
} from "./step-graph.js";
import type { Tensors } from "./tensors.js";

export interface StepSessions {
  /** A step of one batch. @param outputs what its graph ends with */
  whole(size: number, alpha: number, outputs: (shape: StepShape) => Outputs): Promise<Session>;
  gradients(network: Network, size: number, alpha: number): Promise<Session>;
  update(network: Network): Promise<Session>;
  images(size: number, alpha: number): Promise<Session>;
  /** What Adam's clocks feed an update now. */
  clockFeeds(): Tensors;
}

/** @param precision of gradients; updates and images are float32 always */
export function createStepSessions(
  architecture: Architecture,
  engine: EngineOptions,
  precision: Precision,
  learningRate: number,
  cache: SessionCache,
  store: Pick<ParameterStore, "resolution" | "names" | "counters">,
): StepSessions {
  const clocks = (): Clocks => clocksOf(store.names(), store.counters);
  const shapeOf = (batchSize: number, alpha: number): StepShape => ({
    architecture,
    resolution: store.resolution,
    batchSize,
    fading: alpha < 1,
    clocks: clocks().shape,
    scaled: precision === "mixed",
  });
  /** @param what for a person: the graph that failed. @param toMemory the output that is answered in memory */
  const session = (
    key: GraphKey,
    what: string,
    outputs: () => Outputs,
    toMemory: string | undefined,
    computing: Precision = "float32",
  ): Promise<Session> =>
    cache.get(key, () => {
      const place = `${store.resolution}x${store.resolution}`;
      const fetched = new Set(toMemory === undefined ? [] : [toMemory]);
      return createSession(`${what}, ${place}`, outputs(), engine, fetched, computing);
    });
  return {
    clockFeeds: () => clockFeeds(clocks(), learningRate),
    whole: (size, alpha, outputs) =>
      session(
        { kind: "whole", size, fading: alpha < 1 },
        "training step",
        () => outputs(shapeOf(size, alpha)),
        "losses",
      ),
    gradients: (network, size, alpha) =>
      session(
        { kind: "gradients", network, size, fading: alpha < 1 },
        `${network} gradients`,
        () => (network === "critic" ? criticGradients : generatorGradients)(shapeOf(size, alpha)),
        "losses",
        precision,
      ),
    update: (network) =>
      session(
        { kind: "update", network, size: 0, fading: false },
        `${network} update`,
        () => updateStep(shapeOf(1, 1), network),
        undefined,
      ),
    images(size, alpha) {
      const fading = alpha < 1;
      const shape = { architecture, resolution: store.resolution, batchSize: size, fading };
      return session({ kind: "images", size, fading }, "images", () => generation(shape), "images");
    },
  };
}
