/** One run, from options to its last event: opens what is needed, in an order in which bad input is found first. */
import { failureOf, isGuardapesosError, type ErrorCode } from "../base/errors.js";
import type { Owner } from "../checkpoint/lock.js";
import { arithmeticOf } from "../engine/arithmetic.js";
import { listenForStop, listGenerations, startWriter } from "../checkpoint/index.js";
import { defaultThreads, resolveDevice } from "../engine/device.js";
import type { ImageSet } from "../progan/image-source.js";
import { planDone } from "../progan/schedule.js";
import { EngineLeft, startEngine, type Engine } from "./engine.js";
import type { Emit, RunEventOf } from "../events/event.js";
import { warning, type WarningCode, type WarningData } from "../events/warning.js";
import { batchesDivided, watchHeat } from "./heat.js";
import { findSensor } from "../thermal/watch.js";
import { differs, localOf, openImages, purposeOf, seriesOf } from "./images.js";
import { loop, type Track } from "./loop.js";
import type { RunOptions } from "./options.js";
import { outlive, takeUpLeft } from "./outlive.js";
import { writePreview, writeRealImages } from "./preview.js";
import { positionOf } from "./progress.js";
import { divergence, endedAs } from "./ending.js";
import { createRescue, type Rescue } from "./rescue.js";
import { resumeCommand } from "./resume-command.js";
import { begin } from "./resume.js";
import { createBackups } from "./backups.js";
import { createSaves, type Saves, type Setup } from "./saves.js";
import { mirrorFolder } from "../checkpoint/mirror-file.js";
import { unlessStopped, type Stop, type StopWish } from "./stop.js";
import { parameterCounts } from "./train-state.js";

type Ended = RunEventOf<"ended">;

/** Seconds for which a start waits for a clean-up or a restore of the weights folder. */
const patience = 30;

/** What may go wrong with a picture alone; an engine that has died takes training with it. */
const ofPictures: ReadonlySet<ErrorCode> = new Set(["OUTPUT_NOT_WRITABLE", "ENGINE_MEMORY", "ENGINE_FAILED"]);

/** @throws what has failed outside the run */
function throwFault({ fault }: Stop): void {
  if (fault) throw fault.error;
}

/** Milliseconds for which opening may end well by itself once a stop is asked for. */
const openingGrace = 500;

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

/**
 * Opens all that is read, then the weights folder for writing. Throws what those throw, and once a stop is asked for its
 * reason; then nothing is open.
 */
async function open(options: RunOptions, told: Emit, { aborted }: Stop) {
  // The end may have been told by then.
  const emit: Emit = (event) => {
    if (!aborted.aborted) told(event);
  };
  // A GPU is looked for in a process of its own, while this one reads.
  const resolving = resolveDevice(options.device ?? "auto");
  resolving.catch(() => undefined);
  const newest = async (): Promise<string | undefined> =>
    options.fresh ? undefined : (await listGenerations(options.weights)).whole[0]?.id;
  let waits = false;
  const onWaiting = ({ pid, purpose: what = "train" }: Owner): void => {
    if (!waits) emit(warning("WAITING_FOR_FOLDER", { purpose: what, pid }));
    waits = true;
  };
  const asked = options.data === undefined ? undefined : await purposeOf(options);
  // Where no images are named, what killed trainings of any class have left here may be what is to go on.
  const takenUp = await takeUpLeft(options.weights, asked?.series, { patience, onWaiting });
  const purpose = asked ?? (await purposeOf(options));
  for (;;) {
    const before = await newest();
    const beginning = await begin(options, purpose.series, purpose.isTrainedOn);
    const { from } = beginning;
    const source = await openImages(purpose, options, beginning, emit);
    const series = seriesOf(purpose, beginning, source, options);
    const device = await resolving;
    const threads = options.threads ?? from?.saved?.threads ?? defaultThreads();
    const watch = await findSensor(options.heat, device, aborted);
    aborted.throwIfAborted();
    const writer = await startWriter(
      {
        folder: options.weights,
        ...series,
        patience,
        // What comes from elsewhere begins a line of its own: retention must not count it with what is here already.
        parent: from?.generation ?? null,
        apart: from?.apart,
        retention: { everySteps: options.keepEvery },
        refugeWhenFull: mirrorFolder() === undefined,
      },
      onWaiting,
    );
    // Another training may have saved, and ended, after the checkpoint was read and before the folder was ours alone.
    const isNewest = (await newest()) === before;
    if (isNewest && !aborted.aborted)
      return { series, beginning, source, device, threads, watch, writer, takenUp };
    await writer.close();
    aborted.throwIfAborted();
  }
}

/**
 * Trains as asked, and tells all of it. Resolves with the last event when training finished, reached its limit or was
 * stopped; rejects when it could not begin or failed (after "ended", if "run-started" had been told).
 */
export async function run(options: RunOptions, emit: Emit, stop: Stop): Promise<Ended> {
  const startedAt = performance.now();
  let over: Ended | undefined;
  let working: { readonly saves: Saves; readonly rescue: Rescue; readonly engine: Engine } | undefined;
  const begun: { track?: Track } = {};
  /** A graph that is being made is waited for by nobody, a batch not by whoever asks again. */
  const mayLeave = (times: number): boolean =>
    (times > 1 || begun.track?.preparing === true) &&
    working !== undefined &&
    working.engine.busy &&
    working.rescue.mayLeave();
  const answerStop = ({ signal, times }: StopWish): void => {
    // "ended" is the last event, also for someone who goes on pressing.
    if (over) return;
    const leaving = mayLeave(times);
    const { running: saving = false, share } = working?.saves ?? {};
    const nothingYet = begun.track?.begun !== true;
    emit({ type: "stop-requested", signal, times, saving, share, leaving, nothingYet });
    if (leaving) working?.engine.leave();
  };
  stop.listen(answerStop);
  const opened = await unlessStopped(open(options, emit, stop), stop, openingGrace).catch(
    (error: unknown) => {
      if (!stop.wish) throw error;
    },
  );
  if (opened === undefined) {
    throwFault(stop);
    over = neverBegun(options, stop, (performance.now() - startedAt) / 1000);
    emit(over);
    return over;
  }
  const { series, beginning, source, device, threads, watch, writer, takenUp } = opened;
  const { label } = series;
  const local = localOf(source);
  const { config, preset, from } = beginning;
  const arithmetic = arithmeticOf(device, config.precision);
  const backups = createBackups(writer, emit, options.backups);
  const tellSave: Emit = (event) => {
    emit(event);
    // Weights are worth more than images that can be decoded again.
    if (event.type === "save-failed" && event.code === "DISK_FULL") void source.releaseDisk();
  };
  const saves = createSaves(writer, tellSave, { files: from?.files ?? [], local }, (saved) =>
    backups.consider(saved),
  );
  const outliving = await outlive(options.weights, series, writer.opening, beginning.place.step, local);
  const track: Track = {
    config,
    place: beginning.place,
    setup: undefined,
    sessionBatches: 0,
    begun: false,
    preparing: false,
    preview: undefined,
  };
  begun.track = track;
  const rescue = createRescue(saves, track, stop);
  const warn = <Code extends WarningCode>(code: Code, data: WarningData[Code]): void =>
    emit(warning(code, data));

  emit({
    type: "run-started",
    device,
    threads,
    data: source.description,
    label,
    class: series.class ?? undefined,
    images: source.files,
    weights: options.weights,
    samples: options.samples,
    preset,
    start: config.start,
    end: config.end,
    parameters: parameterCounts(config),
  });
  const { movedAside, links, problems } = writer.opening;
  const asker = listenForStop(
    () => writer.opening.lock,
    () => stop.request("stop"),
  );
  for (const path of movedAside) warn("FILE_MOVED_ASIDE", { path });
  for (const problem of problems) emit({ type: "store-problem", ...problem });
  if (!links) warn("NO_HARD_LINKS", { folder: options.weights });
  for (const id of takenUp.saved) warn("STATE_TAKEN_UP", { id });
  for (const file of takenUp.staying) warn("STATE_NOT_UNDERSTOOD", { file });
  if (from) {
    const { id, kind, skipped, saved } = from;
    emit({ type: "resumed", id, kind, position: positionOf(track.place), skipped });
    if (from.startIgnored !== undefined) {
      warn("START_IGNORED", { wanted: from.startIgnored, resolution: track.place.resolution });
    }
    for (const { code, data } of from.remarks) warn(code, data);
    if (!from.hasOptimizer && from.remarks.length === 0) warn("NO_OPTIMIZER_STATE", { id, networks: [] });
    if (saved && saved.device !== device) warn("DEVICE_DIFFERS", { before: saved.device, now: device });
    if (saved && saved.threads !== threads) warn("THREADS_DIFFER", { before: saved.threads, now: threads });
    // Another device is said already.
    if (saved?.device === device && saved.arithmetic !== arithmetic)
      warn("ARITHMETIC_DIFFERS", { before: saved.arithmetic, now: arithmetic });
    if (planDone(track.place, config)) warn("PLAN_ALREADY_FINISHED", { id });
    if (config.batchDivisor > 1) emit(batchesDivided(config, track.place.resolution));
  }
  if (config.precision === "mixed" && device === "cpu") warn("HALF_IMITATED", { device });
  const heat = watchHeat(watch, options.heat.thresholds, emit, from?.saved?.heat);

  let warnedOfData = false;
  const setupOf = (set: ImageSet): (() => Setup) => {
    const { fingerprint, sample } = set;
    const images = { fingerprint, ...(sample !== undefined && { sample }), images: set.count };
    const before = from?.saved?.data;
    if (before && differs(before, images) && !warnedOfData) {
      warnedOfData = true;
      warn("DATA_DIFFERS", { before: before.images, now: images.images });
    }
    return () => ({
      config: track.config,
      preset,
      device,
      threads,
      arithmetic,
      data: images,
      ...heatSoFar(),
    });
  };
  const heatSoFar = (): Pick<Setup, "heat"> => {
    const summary = heat.summary();
    return summary === undefined ? {} : { heat: summary };
  };

  /** Whether the state that is not saved is to stay in memory for the next start; one that is not all numbers is not. */
  const isLeft = (): boolean =>
    track.sessionBatches > 0 && saves.savedBatches !== track.place.batches && saves.nonFinite === 0;
  const end = async (how: Ended["how"], error?: unknown): Promise<Ended> => {
    const ended: Ended = {
      ...(await endedAs(how, error, {
        signal: stop.wish?.signal,
        startedAt,
        track,
        saves,
        beginning,
        command: options.command,
        inMemory: isLeft() ? await outliving.left() : undefined,
      })),
      ...heatSoFar(),
    };
    over = ended;
    backups.close();
    emit(ended);
    return ended;
  };

  const pictureLabel = `${label}_${options.name}`;
  /** A picture is not worth a training. */
  const picture = async <Result>(draw: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await draw();
    } catch (error) {
      if (!isGuardapesosError(error) || !ofPictures.has(error.code)) throw error;
      warn("SAMPLES_NOT_WRITTEN", failureOf(error));
      return undefined;
    }
  };

  let engine: Engine | undefined;
  try {
    const starting = startEngine(
      {
        architecture: config,
        seed: config.seed,
        engine: { provider: device, threads },
        precision: config.precision,
      },
      beginning.state,
      {
        mirrored: (copy) => {
          const reserve = rescue.keep(copy);
          if (reserve) outliving.publish(reserve);
          // Who has pressed again while it was being made waits for the batch no longer.
          if (stop.wish && mayLeave(stop.wish.times)) answerStop(stop.wish);
        },
        slow: (seconds, usual, giveUpAfter) => emit({ type: "engine-slow", seconds, usual, giveUpAfter }),
      },
      { mirrorIn: outliving.paths, returned: writer.returned },
    );
    engine = await unlessStopped(starting, stop);
    if (engine === undefined) {
      void starting.then((late) => late.close()).catch(() => undefined);
      throwFault(stop);
      return await end("stopped");
    }
    const made = engine;
    working = { saves, rescue, engine };
    const result = await loop(
      {
        maxBatches: options.maxBatches,
        source,
        engine: made,
        saves,
        stop,
        heat,
        emit,
        setup: setupOf,
        preview: (place) =>
          picture(async () => {
            const path = await writePreview(made, track.config, place, options.samples, pictureLabel);
            emit({ type: "preview-written", path, resolution: place.resolution, epoch: place.epoch });
            return path;
          }),
        showReal: async (images) => {
          await picture(async () => {
            const path = await writeRealImages(images, options.samples, pictureLabel);
            emit({ type: "real-images-written", path, resolution: images.resolution });
          });
        },
      },
      track,
    );
    throwFault(stop);
    const diverged = divergence({ saves, beginning });
    if (result.how !== "diverged" && !diverged) return await end(result.how);
    await end("failed", diverged);
    throw diverged!;
  } catch (error) {
    if (over) throw error;
    const failure = await rescue.save(engine, error);
    const left = error instanceof EngineLeft;
    const reason = left ? (stop.fault?.error ?? failure ?? divergence({ saves, beginning })) : error;
    if (reason === undefined) return await end("stopped");
    await end("failed", reason);
    throw reason as Error;
  } finally {
    await heat.close();
    await asker.close(over);
    await writer.close();
    await engine?.close();
    await outliving.close(isLeft());
    // The system would do it, too; a disk that does not answer must not hold up the end.
    void source.releaseDisk();
  }
}
