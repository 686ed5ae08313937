/** One run, from options to its last event. Whatever it opens is owned by its scope, and closed on every exit. */
import { inScope, type Scope } from "../base/scope.js";
import type { Emit, RunEventOf } from "../events/event.js";
import { EngineLeft, startEngine, type Engine } from "./engine.js";
import { divergence } from "./ending.js";
import { loop } from "./loop.js";
import { open, type Opened } from "./opening.js";
import type { RunOptions } from "./options.js";
import { createPictures } from "./pictures.js";
import { resumeCommand } from "./resume-command.js";
import { beginSession, type Session } from "./session.js";
import { unlessStopped, type Stop, type StopAttendant } from "./stop.js";

type Ended = RunEventOf<"ended">;

/** What is under way, as far as it is there yet. */
interface UnderWay {
  session?: Session;
  engine?: Engine;
}

/** How training has come to its end, before that is told. */
type Outcome =
  { readonly how: Exclude<Ended["how"], "failed"> } | { readonly how: "failed"; readonly error: unknown };

/** @throws what has failed outside the run */
function throwFault({ fault }: Stop): void {
  if (fault) throw fault.error;
}

/** Milliseconds for which opening may end well by itself once a stop is asked for. */
const openingGrace = 500;

/**
 * Trains as asked, and tells all of it. Resolves with the last event when training finished, reached its limit or was
 * stopped; rejects when it could not begin or failed (after "ended", if "run-started" had been told).
 */
export function run(options: RunOptions, told: Emit, stop: Stop): Promise<Ended> {
  const startedAt = performance.now();
  const emit = untilEnded(told);
  const underWay: UnderWay = {};
  stop.attend(attendantOf(underWay, emit));
  return inScope(async (scope) => {
    const opened = await openUnlessStopped(options, emit, stop, scope);
    if (opened === undefined) {
      throwFault(stop);
      const ended = neverBegun(options, stop, (performance.now() - startedAt) / 1000);
      stop.ended();
      emit(ended);
      return ended;
    }
    const session = await beginSession(opened, options, emit, stop, startedAt, scope);
    underWay.session = session;
    const outcome = await train(session, options, emit, stop, underWay, scope);
    const ended = await session.end(outcome.how, "error" in outcome ? outcome.error : undefined);
    if (outcome.how === "failed") throw outcome.error;
    return ended;
  });
}

/** "ended" is the last event, whatever is still being closed by then: a card that is read, a backup, an engine. */
function untilEnded(emit: Emit): Emit {
  let over = false;
  return (event) => {
    if (over) return;
    over = event.type === "ended";
    emit(event);
  };
}

/** @returns undefined when a stop came first; what is opened all the same is closed again */
async function openUnlessStopped(
  options: RunOptions,
  emit: Emit,
  stop: Stop,
  scope: Scope,
): Promise<Opened | undefined> {
  const opening = open(options, emit, stop.aborted);
  try {
    const opened = await unlessStopped(opening, stop, openingGrace);
    if (opened) scope.own(opened.scope, (one) => one.close());
    else void opening.then((late) => late.scope.close()).catch(() => undefined);
    return opened;
  } catch (error) {
    if (!stop.wish) throw error;
    return undefined;
  }
}

/** The last event of a run that was stopped before it was open. */
const neverBegun = (options: RunOptions, stop: Stop, seconds: number): Ended => ({
  type: "ended",
  how: "stopped",
  signal: stop.wish?.signal,
  position: undefined,
  seconds,
  files: [],
  preview: undefined,
  nonFinite: 0,
  resumeCommand: resumeCommand(options.command),
  batchesLost: 0,
  code: undefined,
});

/** How a stop looks at what is under way, tells of it, and leaves the engine. */
function attendantOf(underWay: UnderWay, emit: Emit): StopAttendant {
  return {
    facts() {
      const { session, engine } = underWay;
      return {
        busy: engine?.busy === true,
        preparing: session?.track.preparing === true,
        nothingLost: session?.rescue.mayLeave() === true,
      };
    },
    tell(told) {
      const { session, engine } = underWay;
      // Before the engine is there, nothing has been trained that could be saved.
      const { running: saving = false, share } = (engine && session?.saves) ?? {};
      const nothingYet = session?.track.begun !== true;
      const { signal, times, leaving } = told;
      emit({ type: "stop-requested", signal, times, saving, share, leaving, nothingYet });
      if (leaving) engine?.leave();
    },
  };
}

/** Trains until the end, whatever it is, and saves what can be saved when it is not as it should be. */
async function train(
  session: Session,
  options: RunOptions,
  emit: Emit,
  stop: Stop,
  underWay: UnderWay,
  scope: Scope,
): Promise<Outcome> {
  const { opened, track, saves, heat } = session;
  const { series, source, beginning } = opened;
  try {
    const engine = await startUnlessStopped(session, emit, stop, scope);
    if (engine === undefined) {
      throwFault(stop);
      return { how: "stopped" };
    }
    underWay.engine = engine;
    const folder = { folder: options.samples, label: `${series.label}_${options.name}` };
    const pictures = createPictures(engine, folder, () => track.config, emit);
    const { setup } = session;
    const parts = { maxBatches: options.maxBatches, source, engine, saves, stop, heat, emit, setup };
    const { how } = await loop({ ...parts, ...pictures }, track);
    throwFault(stop);
    const diverged = divergence({ saves: saves.record, beginning });
    if (how === "diverged" || diverged) return { how: "failed", error: diverged };
    return { how };
  } catch (error) {
    const failure = await session.rescue.save(underWay.engine, error);
    if (!(error instanceof EngineLeft)) return { how: "failed", error };
    const reason = stop.fault?.error ?? failure ?? divergence({ saves: saves.record, beginning });
    return reason === undefined ? { how: "stopped" } : { how: "failed", error: reason };
  }
}

/** @returns undefined when a stop came first; an engine that is started all the same is closed again */
async function startUnlessStopped(
  { opened, rescue, outliving }: Session,
  emit: Emit,
  stop: Stop,
  scope: Scope,
): Promise<Engine | undefined> {
  const { beginning, device, threads, writer } = opened;
  const { config, state } = beginning;
  const starting = startEngine(
    {
      architecture: config,
      seed: config.seed,
      engine: { provider: device, threads },
      precision: config.precision,
      learningRate: config.learningRate,
    },
    state,
    {
      mirrored(copy) {
        const reserve = rescue.keep(copy);
        if (reserve) outliving.publish(reserve);
        // Who has pressed again while it was being made waits for the batch no longer.
        stop.copied();
      },
      slow: (seconds, usual, giveUpAfter) => emit({ type: "engine-slow", seconds, usual, giveUpAfter }),
    },
    { mirrorIn: outliving.paths, returned: writer.returned },
  );
  const engine = await unlessStopped(starting, stop);
  if (engine) scope.own(engine, (one) => one.close());
  else void starting.then((late) => late.close()).catch(() => undefined);
  return engine;
}
