/** A run that is open: what it keeps while it trains, and how its end is told. */
import type { Scope } from "../base/scope.js";
import { arithmeticOf } from "../engine/arithmetic.js";
import { listenForStop, type Checkpoint } from "../checkpoint/index.js";
import type { Emit, RunEventOf } from "../events/event.js";
import { warning } from "../events/warning.js";
import type { ImageSet } from "../progan/image-source.js";
import { createBackups } from "./backups.js";
import { endedAs } from "./ending.js";
import { watchHeat, type RunHeat } from "./heat.js";
import { differs, localOf } from "./images.js";
import { createTrack, type Track } from "./loop.js";
import type { Opened } from "./opening.js";
import type { RunOptions } from "./options.js";
import { outlive, type Outliving } from "./outlive.js";
import { createRescue, type Rescue } from "./rescue.js";
import { createSaves, type Saves, type Setup } from "./saves.js";
import { startEvents } from "./start-events.js";
import type { Stop } from "./stop.js";

type Ended = RunEventOf<"ended">;

export interface Session {
  readonly opened: Opened;
  readonly track: Track;
  readonly saves: Saves;
  readonly rescue: Rescue;
  readonly outliving: Outliving;
  readonly heat: RunHeat;
  /** How a checkpoint says what training is set up with, once the images are known; asked at each save. */
  readonly setup: (images: ImageSet) => () => Setup;
  /** Tells the end. */
  end(how: Ended["how"], error?: unknown): Promise<Ended>;
}

/**
 * Begins a session with all that a run has opened, and tells its beginning.
 * @param startedAt by performance.now()
 * @param scope owns what is opened here
 */
export async function beginSession(
  opened: Opened,
  options: RunOptions,
  emit: Emit,
  stop: Stop,
  startedAt: number,
  scope: Scope,
): Promise<Session> {
  const { series, beginning, source, device, watch, writer } = opened;
  const { config, from, place } = beginning;
  const local = localOf(source);
  const { saves, backups } = openSaves(opened, options, local, emit, scope);
  const arithmetic = arithmeticOf(device, config.precision);
  const track = createTrack(config, place);
  /** Whether the state that is not saved is to stay in memory for the next start; one that is not all numbers is not. */
  const isLeft = (): boolean =>
    track.sessionBatches > 0 &&
    saves.record.savedBatches !== track.place.batches &&
    saves.record.nonFinite === 0;
  const outliving = scope.own(
    await outlive(options.weights, series, writer.opening, place.step, local),
    (one) => one.close(isLeft()),
  );

  let ended: Ended | undefined;
  const events = startEvents(opened, options, arithmetic);
  // Whoever asks through the folder is heard from the first event on, and answered with the last.
  scope.own(
    listenForStop(
      () => writer.opening.lock,
      () => stop.request("stop"),
    ),
    (one) => one.close(ended),
  );
  for (const event of events) emit(event);
  const heat = scope.own(watchHeat(watch, options.heat.thresholds, emit, from?.saved?.heat), (one) =>
    one.close(),
  );
  return {
    opened,
    track,
    saves,
    rescue: createRescue(saves, track, stop),
    outliving,
    heat,
    setup: createSetup(opened, emit, (data) => ({
      config: track.config,
      preset: beginning.preset,
      device,
      threads: opened.threads,
      arithmetic,
      data,
      ...heatSoFar(heat),
    })),
    async end(how, error) {
      const facts = { signal: stop.wish?.signal, startedAt, track, saves: saves.record, beginning };
      const inMemory = isLeft() ? await outliving.left() : undefined;
      ended = {
        ...(await endedAs(how, error, { ...facts, command: options.command, inMemory })),
        ...heatSoFar(heat),
      };
      stop.ended();
      backups.close();
      emit(ended);
      return ended;
    },
  };
}

/** The saves of a session, and the backups that are made of them. */
function openSaves(
  { beginning, source, writer }: Opened,
  options: RunOptions,
  local: Checkpoint["local"],
  emit: Emit,
  scope: Scope,
) {
  const backups = scope.own(createBackups(writer, emit, options.backups), (one) => one.close());
  const tellSave: Emit = (event) => {
    emit(event);
    // Weights are worth more than images that can be decoded again.
    if (event.type === "save-failed" && event.code === "DISK_FULL") void source.releaseDisk();
  };
  const facts = { files: beginning.from?.files ?? [], local };
  const saves = createSaves(writer, tellSave, facts, (saved) => backups.consider(saved));
  return { saves, backups };
}

/** Nothing where nothing was ever watched. */
function heatSoFar(heat: RunHeat): Pick<Setup, "heat"> {
  const summary = heat.summary();
  return summary === undefined ? {} : { heat: summary };
}

/** Tells once where the images are not those of the checkpoint. @param setupWith everything that a checkpoint says */
function createSetup(
  { beginning: { from } }: Opened,
  emit: Emit,
  setupWith: (data: Setup["data"]) => Setup,
): Session["setup"] {
  const before = from?.saved?.data;
  let warned = false;
  return ({ fingerprint, sample, count }) => {
    const data = { fingerprint, ...(sample !== undefined && { sample }), images: count };
    if (before && differs(before, data) && !warned) {
      warned = true;
      emit(warning("DATA_DIFFERS", { before: before.images, now: count }));
    }
    return () => setupWith(data);
  };
}
