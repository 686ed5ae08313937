/** Options of an optimizer as both languages write them: as one types them. */
import type { OtherOption } from "../events/warning.js";

/** 0.00001, but 1e-8. */
export const asTyped = (value: number | string): string =>
  typeof value === "string" || Math.abs(value) < 1e-6
    ? String(value)
    : value.toFixed(12).replace(/\.?0+$/, "");

/** "betas (0.5, 0.999) → (0, 0.99)", of one network alone with its name before it. */
export function otherOptions(
  options: readonly OtherOption[],
  networkName: (network: string) => string,
): string {
  return options
    .map(({ network, name, there, here }) => {
      const whose = network === undefined ? "" : `${networkName(network)}: `;
      return `${whose}${name} ${asTyped(there)} → ${asTyped(here)}`;
    })
    .join(", ");
}
