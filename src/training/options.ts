/** What a run is asked to do: the command line and the config file, already parsed and checked. */
import { providers } from "../engine/providers.js";
import type { PresetName, TrainingConfig } from "../progan/config.js";
import type { HeatOptions } from "../thermal/watch.js";

export const devices = ["auto", ...providers] as const;
export type Device = (typeof devices)[number];

export interface RunOptions {
  /** Only if given explicitly. */
  readonly preset: PresetName | undefined;
  /** Only what was given explicitly (flags over config file). */
  readonly overrides: Partial<TrainingConfig>;
  readonly data: string | undefined;
  readonly className: string | undefined;
  readonly weights: string;
  readonly name: string;
  /** Folder of the preview pictures. */
  readonly samples: string;
  readonly device: Device | undefined;
  readonly threads: number | undefined;
  /** Stop when training has done this many batches in all, over every session. */
  readonly maxBatches: number | undefined;
  /** One checkpoint of so many steps stays for good; 0: none does. */
  readonly keepEvery: number;
  /** Daily backups that are kept; 0: none are made. */
  readonly backups: number;
  readonly heat: HeatOptions;
  readonly fresh: boolean;
  readonly resume: string | undefined;
  /** The critic's file, where `resume` names the generator's of a plain pair. */
  readonly critic?: string | undefined;
  /** Names of the state_dicts that are meant, where plain files hold several. */
  readonly stateDicts?: readonly string[] | undefined;
  /** What the user typed after `guardapesos`, to print the resume command. */
  readonly command: readonly string[];
}
