/** `guardapesos train`: settings in, a run, its end as an exit code. */
import { randomBytes } from "node:crypto";
import { GuardapesosError, reasonOf, stackOf } from "../../base/errors.js";
import { createBus, type Listener } from "../../events/bus.js";
import type { RunOptions } from "../../training/options.js";
import type { TrainingSettings } from "../config-file.js";
import type { Context } from "../context.js";
import { settingsOf } from "../context.js";
import { exitCodeOfEnd } from "../exit-codes.js";
import { heatOptions } from "../heat-options.js";
import {
  kebab,
  revocable,
  wordsOf,
  type configOption,
  type Settings,
  type trainingOptions,
} from "../options.js";
import { overridesOf } from "../overrides.js";
import { stopWithParent } from "../parent.js";
import { listenToFaults, listenToSignals } from "../signals.js";
import { stopInTime } from "../stop-time.js";

type Flags = Settings<typeof trainingOptions & typeof configOption>;

/** commander's value for `--no-resume` and its kin is false: as if it had not been given. */
function withoutRevoked(settings: TrainingSettings): TrainingSettings {
  const revoked = revocable.filter((key) => (settings[key] as unknown) === false);
  return { ...settings, ...Object.fromEntries(revoked.map((key) => [key, undefined])) };
}

/**
 * The words to go on with. What is meant for one start must not come back from the config file then; when it was typed,
 * the run itself leaves it out.
 */
function commandFrom(settings: TrainingSettings, flags: Flags, typed: readonly string[]): string[] {
  const once = ["fullBatches", "fresh", "resume", "critic", "stateDict", "maxBatches"] as const;
  const undone = once.filter((key) => settings[key] && flags[key] === undefined);
  return [...typed, ...undone.map((key) => `--no-${kebab(key)}`)];
}

/**
 * Settings -> what the run is asked to do.
 * @throws RESOLUTION_RANGE, OPTIONS_CONFLICT or THRESHOLDS_ORDER when the settings do not go together
 */
function runOptions(settings: TrainingSettings, command: readonly string[]): RunOptions {
  const { preset, data, resume } = settings;
  if (settings.fresh === true && resume !== undefined) {
    throw new GuardapesosError("OPTIONS_CONFLICT", { option: "--fresh", other: "--resume" });
  }
  if (settings.critic !== undefined && resume === undefined) {
    throw new GuardapesosError("OPTION_NEEDS", { option: "--critic", needed: "--resume" });
  }
  const overrides = overridesOf(settings);
  return {
    preset,
    overrides,
    data,
    className: settings.class,
    weights: settings.weights ?? "weights",
    name: settings.name ?? "local",
    samples: settings.samples ?? "samples",
    device: settings.device,
    threads: settings.threads,
    maxBatches: settings.maxBatches,
    keepEvery: settings.keepEvery ?? 0,
    backups: settings.backups ?? 7,
    heat: heatOptions(settings),
    fresh: settings.fresh ?? false,
    resume,
    critic: settings.critic,
    stateDicts: wordsOf(settings.stateDict),
    command,
  };
}

/** What shows the run, and how the screen is left as it should be. */
async function screenOf({
  json,
  output,
  texts,
}: Context): Promise<{ listener: Listener; close: () => void }> {
  if (json) {
    const { jsonListener } = await import("../present/json.js");
    return { listener: jsonListener(output), close: () => undefined };
  }
  const { emit, close } = output.isTerminal
    ? (await import("../present/terminal.js")).createTerminalPresenter(output, texts)
    : (await import("../present/plain.js")).createPlainPresenter(output, texts);
  return { listener: { event: ({ event }) => emit(event) }, close };
}

/** Tells once that something which listens to the run has a bug; training is not disturbed by it. */
function faultTeller({ output, texts }: Context): (error: unknown) => void {
  let told = false;
  return (error) => {
    if (!told) output.writeError(`${texts.commands.bug(reasonOf(error))}\n${stackOf(error)}\n`);
    told = true;
  };
}

/** Trains until the plan, the limit or a stop ends it. */
export async function train(context: Context, flags: Flags): Promise<void> {
  const settings = withoutRevoked(await settingsOf(context, flags));
  const options = runOptions(settings, commandFrom(settings, flags, context.typed));
  const screen = await screenOf(context);
  const bus = createBus({ run: randomBytes(16).toString("hex"), onFault: faultTeller(context) });
  bus.listen(screen.listener);
  const { run, createStop } = await context.services.training();
  const stop = createStop();
  const { stopAfter: after, stopAt: at, stopWithParent: withParent = false } = settings;
  const ears = [
    listenToSignals(stop),
    listenToFaults((error) => stop.fail(error)),
    stopInTime(stop, { after, at }, (time) => {
      bus.emit({ type: "stop-planned", time: time.toISOString() });
    }),
    withParent ? stopWithParent(stop) : () => undefined,
  ];
  context.leaveAtOnce = true;
  try {
    const ended = await run(options, bus.emit, stop);
    context.exitCode = exitCodeOfEnd(ended);
  } finally {
    screen.close();
    for (const deafen of ears) deafen();
  }
}
