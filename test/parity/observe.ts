/** Everything that a gold case records, as one graph: what the losses and gradients are before and after an update. */
import { createGraph, input, type Node } from "../../src/engine/graph.js";
import { gradients } from "../../src/engine/gradients.js";
import type { Architecture, Resolution } from "../../src/progan/config.js";
import { generator } from "../../src/progan/generator.js";
import { criticLosses, generatorLoss } from "../../src/progan/losses.js";
import { activeParameters, type Network } from "../../src/progan/parameters.js";

/** Names: `critic_grads_drift0/NAME` and so on; a parameter without a gradient has no node. */
export function observe(
  architecture: Architecture,
  batch: number,
  steps: number,
  fading: boolean,
): Map<string, Node> {
  const graph = createGraph();
  const resolution = (4 * 2 ** steps) as Resolution;
  const nodesOf = (network: Network): Map<string, Node> =>
    new Map(
      activeParameters(network, architecture, steps).map(({ name, shape }) => [
        name,
        input(graph, `${network}/${name}`, shape),
      ]),
    );
  const g = nodesOf("generator");
  const c = nodesOf("critic");
  const look = (nodes: Map<string, Node>) => (name: string) => nodes.get(name)!;
  const alpha = fading && steps > 0 ? input(graph, "alpha", []) : undefined;
  const latent = input(graph, "latent", [batch, architecture.latent]);
  const real = input(graph, "real", [batch, architecture.imageChannels, resolution, resolution]);
  const beta = input(graph, "beta", [batch, 1, 1, 1]);

  const fake = generator(look(g), latent, alpha, steps);
  const out = new Map<string, Node>([["fake", fake]]);
  const add = (group: string, loss: Node, nodes: Map<string, Node>): void => {
    gradients(loss, [...nodes.values()]).forEach((slope, i) => {
      if (slope) out.set(`${group}/${[...nodes.keys()][i]!}`, slope);
    });
  };
  for (const [tag, drift] of [
    ["drift0", 0],
    ["drift1e-3", 0.001],
  ] as const) {
    const losses = criticLosses(look(c), real, fake, beta, alpha, steps, drift);
    out.set(`critic_loss_${tag}`, losses.loss);
    out.set("gp", losses.gradientPenalty);
    out.set("d_real", losses.real);
    out.set("d_fake", losses.fake);
    add(`critic_grads_${tag}`, losses.loss, c);
  }
  const loss = generatorLoss(look(c), fake, alpha, steps);
  out.set("gen_loss_before", loss);
  add("gen_grads_before", loss, g);
  return out;
}
