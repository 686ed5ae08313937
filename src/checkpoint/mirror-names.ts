/** What a copy in memory is called, outside the weights folder. */
import { createHash } from "node:crypto";
import { join } from "node:path";

/** The copy of a running training's state, outside the weights folder: in memory. */
export interface MirrorPaths {
  readonly folder: string;
  readonly arrays: string;
  readonly facts: string;
}

/** @param of what tells the copies of one training from all others */
export function mirrorNames(folder: string, of: readonly (string | number)[]): MirrorPaths {
  return mirrorOf(folder, createHash("sha256").update(JSON.stringify(of)).digest("hex").slice(0, 32));
}

const mirrorOf = (folder: string, key: string): MirrorPaths => {
  const base = join(folder, `guardapesos-${key}`);
  return { folder, arrays: `${base}.arrays`, facts: `${base}.json` };
};

/** The paths of a copy, from the name of its facts; undefined for any other name. */
export function mirrorNamed(folder: string, name: string): MirrorPaths | undefined {
  const key = /^guardapesos-([0-9a-f]{32})\.json$/.exec(name)?.[1];
  return key === undefined ? undefined : mirrorOf(folder, key);
}
