/**
 * How a step is made: whole (one batch, one graph), or accumulated (gradients batch by batch, then an update, for the critic and
 * then for the generator). Where the parameters live is the store's and the updater's affair.
 */
import { dispose, fromEngine } from "../engine/session.js";
import { networks, type Network } from "../progan/parameters.js";
import type { BatchData, StepRequest } from "./contract.js";
import type { ParameterStore } from "./parameter-store.js";
import type { StepSessions } from "./step-sessions.js";
import { scalar, type Tensors } from "./tensors.js";
import type { Updater } from "./updater.js";

export interface StepParts {
  readonly store: ParameterStore;
  readonly sessions: StepSessions;
  readonly updater: Updater;
  /** Images, noise and alpha of a batch. */
  readonly feedsOf: (batch: BatchData, request: StepRequest) => Tensors;
}

/** A step that is computed, before the store has it. */
export interface Stepped {
  readonly next: Tensors;
  readonly figures: readonly number[];
  /** Networks whose gradients overflowed: `next` has them as they were. */
  readonly overflowed: readonly Network[];
}

/** Takes one output out of what a graph has answered. */
function takeFigures(results: Tensors): number[] {
  const figures = Array.from(fromEngine(results.get("losses")!).data);
  results.delete("losses");
  return figures;
}

/** One batch, one graph. REQUIRES: it is one batch, in full precision */
export async function stepWhole(parts: StepParts, request: StepRequest): Promise<Stepped> {
  const { store, sessions, updater, feedsOf } = parts;
  const batch = request.batches[0]!;
  const session = await sessions.whole(batch.size, request.alpha, updater.stepOutputs);
  const feeds = [...feedsOf(batch, request), ...sessions.clockFeeds()];
  const results = await session.run(new Map([...store.active, ...feeds]));
  const figures = takeFigures(results);
  return { next: await updater.finishStep(results, request), figures, overflowed: [] };
}

/** Gradients of all batches, then the update: critic first, and the generator through the updated critic. */
export async function stepAccumulated(parts: StepParts, request: StepRequest): Promise<Stepped> {
  const { active } = parts.store;
  const critic = await stepNetwork("critic", parts, request, active);
  const between: Tensors = new Map([...active, ...(critic.next ?? [])]);
  const generator = await stepNetwork("generator", parts, request, between);
  return {
    next: new Map([...between, ...(generator.next ?? [])]),
    figures: [...critic.figures, ...generator.figures],
    overflowed: networks.filter((network) => !{ critic, generator }[network].next),
  };
}

/**
 * Averages one network's gradients over the batches, then updates it. `current` has the newest of both networks.
 * @returns its part of the next state: undefined when its gradients overflowed, so that it stays as it is
 */
async function stepNetwork(
  network: Network,
  { store, sessions, updater, feedsOf }: StepParts,
  request: StepRequest,
  current: Tensors,
): Promise<{ next: Tensors | undefined; figures: number[] }> {
  const { scales } = store;
  const scale = scales?.[network].scale ?? 1;
  let averages = await store.zeroGradients(network);
  let figures: number[] = [];
  let squares = 0;
  for (const batch of request.batches) {
    const session = await sessions.gradients(network, batch.size, request.alpha);
    const feeds = feedsOf(batch, request)
      .set("weight", scalar(batch.weight / scale))
      .set("scale", scalar(scale));
    const results = await session.run(new Map([...current, ...averages, ...feeds]));
    const batchFigures = takeFigures(results);
    if (scales) squares = batchFigures.pop()!;
    figures = batchFigures.map((figure, i) => figure * batch.weight + (figures[i] ?? 0));
    dispose(averages.values());
    averages = results;
  }
  // Not in place: should a later batch fail, the state before this step must still be whole.
  const next = Number.isFinite(squares) ? await updater.update(network, current, averages) : undefined;
  dispose(averages.values());
  return { next, figures };
}
