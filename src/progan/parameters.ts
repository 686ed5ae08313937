/**
 * The parameters of both networks: names, shapes and order are those of the reference's state_dict, so that files go
 * both ways. A layer that the reference reaches under two names (`initial_rgb`) is one parameter under its first name.
 */
import { normal, uniform } from "../base/random.js";
import { sizeOf, type NamedArray } from "../base/named-arrays.js";
import { resolutions, type Architecture, type Resolution } from "./config.js";

export type Network = "generator" | "critic";
export const networks: readonly Network[] = ["generator", "critic"];

/** Which network has weights of these names; undefined for any other, and where both do. */
export function networkOf(names: { has(name: string): boolean }): Network | undefined {
  const found = networks.filter((network) =>
    names.has({ generator: "initial.1.weight", critic: "final_block.0.conv.weight" }[network]),
  );
  return found.length === 1 ? found[0] : undefined;
}

/** How often the resolution has been doubled from 4: 0 to 8. */
export function stepsOf(resolution: Resolution): number {
  return resolutions.indexOf(resolution);
}

const lastBlock = resolutions.length - 1;

/** Channels at a number of doublings: the full count up to 32x32, then half at each. At least 1. */
export function channelsAt(channels: number, steps: number): number {
  return Math.max(1, Math.floor(channels / 2 ** Math.max(0, steps - 3)));
}

interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** normal: equalised weights. zeros: biases. upright: as PyTorch initialises ConvTranspose2d. */
  readonly start: "normal" | "zeros" | "upright";
}

function wsConv(name: string, from: number, to: number, kernel: number): Parameter[] {
  return [
    { name: `${name}.bias`, shape: [to], start: "zeros" },
    { name: `${name}.conv.weight`, shape: [to, from, kernel, kernel], start: "normal" },
  ];
}

function block(name: string, from: number, to: number): Parameter[] {
  return [...wsConv(`${name}.conv1`, from, to, 3), ...wsConv(`${name}.conv2`, to, to, 3)];
}

const count = (length: number): number[] => Array.from({ length }, (_, i) => i);

function generatorParameters({ latent, channels: c, imageChannels }: Architecture): Parameter[] {
  const at = (steps: number): number => channelsAt(c, steps);
  return [
    { name: "initial.1.weight", shape: [latent, c, 4, 4], start: "upright" },
    { name: "initial.1.bias", shape: [c], start: "upright" },
    ...wsConv("initial.3", c, c, 3),
    ...wsConv("initial_rgb", c, imageChannels, 1),
    ...count(lastBlock).flatMap((i) => block(`prog_blocks.${i}`, at(i), at(i + 1))),
    ...count(lastBlock).flatMap((i) => wsConv(`rgb_layers.${i + 1}`, at(i + 1), imageChannels, 1)),
  ];
}

function criticParameters({ channels: c, imageChannels }: Architecture): Parameter[] {
  const at = (index: number): number => channelsAt(c, lastBlock - index);
  return [
    ...count(lastBlock).flatMap((i) => block(`prog_blocks.${i}`, at(i), at(i + 1))),
    ...count(lastBlock + 1).flatMap((i) => wsConv(`rgb_layers.${i}`, imageChannels, at(i), 1)),
    ...wsConv("final_block.0", c + 1, c, 3),
    ...wsConv("final_block.2", c, c, 4),
    ...wsConv("final_block.4", c, 1, 1),
  ];
}

/** All parameters of a network, in the order of named_parameters() (which is the optimizer's). */
export function parametersOf(network: Network, architecture: Architecture): readonly Parameter[] {
  return network === "generator" ? generatorParameters(architecture) : criticParameters(architecture);
}

/** The layer that has a second name in the state_dict. */
const shared = {
  generator: { alias: "rgb_layers.0", layer: "initial_rgb", before: "rgb_layers.1.bias" },
  critic: { alias: "initial_rgb", layer: "rgb_layers.8", before: "final_block.0.bias" },
} as const;

/** Keys of the state_dict in order, each with the parameter it names. */
export function stateDictKeys(
  network: Network,
  architecture: Architecture,
): (readonly [key: string, parameter: string])[] {
  const { alias, layer, before } = shared[network];
  const second = ["bias", "conv.weight"].map((part) => [`${alias}.${part}`, `${layer}.${part}`] as const);
  return parametersOf(network, architecture).flatMap(({ name }) =>
    name === before ? [...second, [name, name] as const] : [[name, name] as const],
  );
}

/** Layer that turns features into an image (generator) or an image into features (critic) at a number of doublings. */
export function rgbLayer(network: Network, steps: number): string {
  if (network === "critic") return `rgb_layers.${lastBlock - steps}`;
  return steps === 0 ? "initial_rgb" : `rgb_layers.${steps}`;
}

/** Blocks in the order in which the data passes them. */
export function blocks(network: Network, steps: number): string[] {
  return count(steps).map((i) => `prog_blocks.${network === "generator" ? i : lastBlock - steps + i}`);
}

/** Parameters that training at a resolution reaches: the others have no gradient and keep their Adam state. */
export function activeParameters(
  network: Network,
  architecture: Architecture,
  steps: number,
): readonly Parameter[] {
  const layers = [
    ...blocks(network, steps),
    rgbLayer(network, steps),
    ...(steps > 0 ? [rgbLayer(network, steps - 1)] : []),
    ...(network === "generator"
      ? ["initial.1", "initial.3"]
      : ["final_block.0", "final_block.2", "final_block.4"]),
  ];
  return parametersOf(network, architecture).filter(({ name }) =>
    layers.some((layer) => name.startsWith(`${layer}.`)),
  );
}

function startValue({ shape, start }: Parameter, seed: number, position: number): NamedArray {
  const size = sizeOf(shape);
  switch (start) {
    case "normal":
      return { shape, data: normal(seed, "weights", position, size) };
    case "zeros":
      return { shape, data: new Float32Array(size) };
    case "upright": {
      // PyTorch's reset_parameters: kaiming_uniform(a = sqrt 5), which is U(-b, b) with b = 1/sqrt(fan in), for both.
      const channels = shape.length === 4 ? shape[1]! : shape[0]!;
      const bound = 1 / Math.sqrt(channels * 16);
      return { shape, data: uniform(seed, "weights", position, size).map((u) => (2 * u - 1) * bound) };
    }
  }
}

/** Fresh values for every parameter of a network, one by one: together they take seconds. */
export function* initialParameters(
  network: Network,
  architecture: Architecture,
  seed: number,
): Generator<readonly [name: string, array: NamedArray], void> {
  const offset = networks.indexOf(network) * 1000;
  for (const [i, parameter] of parametersOf(network, architecture).entries()) {
    yield [parameter.name, startValue(parameter, seed, offset + i)];
  }
}
