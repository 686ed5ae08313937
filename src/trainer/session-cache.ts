/** The sessions of a resolution: each graph is made when it is first needed, and released with the others. */
import type { Session } from "../engine/session.js";
import type { Network } from "../progan/parameters.js";

/** Which graph, at the resolution that is trained. */
export interface GraphKey {
  /** A whole step of one batch, a network's gradients, a network's update, or images that are only looked at. */
  readonly kind: "whole" | "gradients" | "update" | "images";
  readonly network?: Network;
  /** Images in a batch; 0 where there is none. */
  readonly size: number;
  /** Whether the newest layers are still fading in. */
  readonly fading: boolean;
}

export interface SessionCache {
  get(key: GraphKey, make: () => Promise<Session>): Promise<Session>;
  has(matches: (key: GraphKey) => boolean): boolean;
  /** @param matches which ones; left out: all */
  release(matches?: (key: GraphKey) => boolean): Promise<void>;
}

export function createSessionCache(): SessionCache {
  const made: { readonly key: GraphKey; readonly session: Session }[] = [];
  const same = (a: GraphKey, b: GraphKey): boolean =>
    a.kind === b.kind && a.network === b.network && a.size === b.size && a.fading === b.fading;
  return {
    async get(key, make) {
      const known = made.find((one) => same(one.key, key));
      if (known) return known.session;
      const session = await make();
      made.push({ key, session });
      return session;
    },
    has: (matches) => made.some(({ key }) => matches(key)),
    async release(matches = () => true) {
      const gone = made.filter(({ key }) => matches(key));
      for (const one of gone) {
        made.splice(made.indexOf(one), 1);
        await one.session.release();
      }
    },
  };
}
