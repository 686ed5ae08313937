/** `guardapesos run -- COMMAND`: guards somebody else's training; its end as an exit code. */
import { randomBytes } from "node:crypto";
import { GuardapesosError, reasonOf, stackOf } from "../../base/errors.js";
import { createBus, type Bus } from "../../events/bus.js";
import type { GuardOptions, StopSource } from "../../guard/session.js";
import type { StopCause } from "../../guard/exit.js";
import type { Launch } from "../../guard/launch.js";
import type { FileSettings } from "../config-file.js";
import type { Context } from "../context.js";
import { openEventFile } from "../event-file.js";
import { settingsOf } from "../context.js";
import { heatOptions } from "../heat-options.js";
import type { configOption, runOptions, Settings } from "../options.js";
import { createOutput, type Output } from "../output.js";
import { createGuardedPresenter } from "../present/guarded.js";
import { jsonListener } from "../present/json.js";
import { listenToFaults, listenToSignals } from "../signals.js";
import { stopInTime } from "../stop-time.js";

type Flags = Settings<typeof runOptions & typeof configOption>;

/** Who asks for a stop, for the guard: requests wait until it listens. */
interface Stops extends StopSource {
  readonly request: (cause: string) => void;
}

function createStops(): Stops {
  const causes: StopCause[] = [];
  const listeners: ((cause: StopCause) => void)[] = [];
  return {
    request(cause) {
      causes.push(cause as StopCause);
      for (const listener of listeners) listener(cause as StopCause);
    },
    listen(listener) {
      for (const cause of causes) listener(cause);
      listeners.push(listener);
    },
  };
}

/** Batches or seconds, as the agent counts them. */
function autosaveOf(autosave: FileSettings["autosave"]): GuardOptions["autosave"] {
  if (autosave === undefined || autosave === "auto") return "auto";
  return typeof autosave === "number" ? { batches: autosave } : { seconds: 60 * Number.parseFloat(autosave) };
}

/**
 * Events go into the file of `--events`, too: one that cannot be opened is told before anything starts.
 * @throws OUTPUT_NOT_WRITABLE
 */
function listenInto(bus: Bus, path: string): () => void {
  const file = openEventFile(path);
  const deafen = bus.listen(jsonListener(file));
  return () => {
    deafen();
    file.close();
  };
}

function guardOptions(
  settings: FileSettings,
  context: Context,
  command: readonly string[],
): Omit<GuardOptions, "series"> {
  return {
    command,
    weights: settings.weights ?? "weights",
    backups: settings.backups ?? 7,
    from: settings.from ?? [],
    agent: settings.agent ?? true,
    autosave: autosaveOf(settings.autosave),
    heat: heatOptions(settings),
    hangKill: settings.hangKill ?? false,
    language: context.texts.language,
    environment: process.env,
    restart: settings.restart ?? 0,
    coolByRestart: settings.coolBy === "restart",
    again: "",
  };
}

/**
 * What starts of the command get: `--set` and the like, over the recipe's.
 * @throws RECIPE_UNKNOWN, SETTING_INVALID, QUOTE_NOT_CLOSED, PLACEHOLDER_UNKNOWN, OPTIONS_CONFLICT, OPTION_NEEDS
 */
async function launchFor(settings: FileSettings): Promise<Launch> {
  const [{ canResume, launchOf, needsAgent, planLaunch }, { recipeOf }] = await Promise.all([
    import("../../guard/launch-plan.js"),
    import("../../guard/recipe.js"),
  ]);
  const recipe = settings.recipe === undefined ? {} : recipeOf(settings.recipe, settings.recipes ?? {});
  const plan = planLaunch(recipe, settings);
  if (settings.agent === false && needsAgent(plan)) {
    throw new GuardapesosError("OPTIONS_CONFLICT", { option: "--set", other: "--no-agent" });
  }
  if (settings.coolBy === "restart" && plan.heatSet.length === 0) {
    throw new GuardapesosError("OPTION_NEEDS", { option: "--cool-by restart", needed: "--heat-set" });
  }
  if (settings.coolBy === "restart" && !canResume(plan)) {
    throw new GuardapesosError("OPTION_NEEDS", { option: "--cool-by restart", needed: "--resume-set" });
  }
  return launchOf(plan, recipe);
}

/** Our own words: on standard error, as the command has standard output. */
function ownOutput(): Output {
  const { stderr, env: environment, platform } = process;
  return createOutput(stderr, stderr, { environment, platform });
}

/** Runs the command under guard. Its own exit code is ours, unless it was asked to stop. */
export async function run(context: Context, flags: Flags, command: readonly string[]): Promise<void> {
  const settings = await settingsOf(context, flags);
  if (command.length === 0) throw new GuardapesosError("PROGRAM_NOT_GIVEN", {});
  const launch = await launchFor(settings);
  const [{ guard }, { seriesName }, { againCommand }] = await Promise.all([
    import("../../guard/run.js"),
    import("../../guard/script-name.js"),
    import("../again.js"),
  ]);
  const output = ownOutput();
  let faultTold = false;
  const bus = createBus({
    run: randomBytes(16).toString("hex"),
    onFault: (error) => {
      if (!faultTold)
        output.writeBlock(`${context.texts.commands.bug(reasonOf(error))}\n${stackOf(error)}\n`);
      faultTold = true;
    },
  });
  const presenter = createGuardedPresenter(output, context.texts);
  bus.listen(
    context.json
      ? jsonListener({ write: output.writeBlock, backlog: output.backlog })
      : { event: ({ event }) => presenter.emit(event) },
  );
  const options: GuardOptions = {
    ...guardOptions(settings, context, command),
    series: settings.name ?? seriesName(command),
    again: againCommand(context.typed),
    launch,
  };
  const stops = createStops();
  const ears = [
    settings.events === undefined ? () => undefined : listenInto(bus, settings.events),
    listenToSignals(stops),
    listenToFaults((error) => {
      output.writeBlock(`${context.texts.commands.bug(reasonOf(error))}\n${stackOf(error)}\n`);
    }),
  ];
  try {
    const { stopAfter: after, stopAt: at } = settings;
    ears.push(
      stopInTime(stops, { after, at }, (time) => {
        bus.emit({ type: "stop-planned", time: time.toISOString() });
      }),
    );
    // A terminal that is gone must not be asked for anything more.
    context.leaveAtOnce = true;
    context.exitCode = await guard(options, bus.emit, stops);
  } finally {
    for (const deafen of ears) deafen();
  }
}
