/** One run, from options to its last event: opens what is needed, in an order in which bad input is found first. */
import { isGuardapesosError, reasonOf } from "../base/errors.js";
import type { Owner } from "../checkpoint/lock.js";
import { listenForStop, listGenerations, startWriter, type Series } from "../checkpoint/index.js";
import { arithmeticOf } from "../engine/arithmetic.js";
import { defaultThreads, resolveDevice } from "../engine/device.js";
import { openImageFolder } from "../progan/image-folder.js";
import type { ImageSource } from "../progan/image-source.js";
import { openPhantoms, phantomFingerprint } from "../progan/phantom.js";
import { planDone } from "../progan/schedule.js";
import { EngineLeft, startEngine, type Engine } from "./engine.js";
import type { Emit, RunEventOf, WarningCode } from "../events/event.js";
import { batchesDivided, findSensor, watchHeat } from "./heat.js";
import { loop, type LoopEnd, type Track } from "./loop.js";
import type { RunOptions } from "./options.js";
import { outlive, takeUpLeft } from "./outlive.js";
import { writePreview, writeRealImages } from "./preview.js";
import { positionOf } from "./progress.js";
import { createRescue, type Rescue } from "./rescue.js";
import { resumeCommand } from "./resume-command.js";
import { begin, type Beginning } from "./resume.js";
import { createBackups } from "./backups.js";
import { createSaves, type Saves, type Setup } from "./saves.js";
import type { Stop, StopWish } from "./stop.js";
import { parameterCounts } from "./train-state.js";
import type { IsTrainedOn } from "./whose.js";

type Ended = RunEventOf<"ended">;

/** Seconds for which a start waits for a clean-up or a restore of the weights folder. */
const patience = 30;

/** The class that phantoms stand in for. */
const phantomLabel = "DRUSEN";

async function openSource(options: RunOptions, beginning: Beginning, emit: Emit): Promise<ImageSource> {
  const { imageChannels: channels, phantoms, seed } = beginning.config;
  const onUncached = (detail: string): void => emit({ type: "warning", code: "IMAGES_NOT_CACHED", detail });
  if (options.data === undefined) return openPhantoms({ count: phantoms, seed, channels, onUncached });
  return openImageFolder({
    folder: options.data,
    className: options.className,
    channels,
    onSkipped: (path, reason, page) =>
      emit({ type: "image-skipped", path, reason, ...(page === undefined ? {} : { page }) }),
    onNote: emit,
    onUncached,
  });
}

interface Purpose {
  readonly series: Series;
  readonly isTrainedOn: IsTrainedOn;
}

/** Which class the files of this run are named after, before any image is opened. */
async function whatFor({ data, className, name }: RunOptions): Promise<Purpose> {
  if (data === undefined) {
    return {
      series: { label: phantomLabel, name, class: null },
      isTrainedOn: ({ data: { fingerprint }, config: { seed, phantoms: count } }) =>
        Promise.resolve(fingerprint === phantomFingerprint(seed, count)),
    };
  }
  const source = await openImageFolder({
    folder: data,
    className,
    channels: 1,
    onSkipped: () => undefined,
  });
  return {
    series: { label: source.label, name, class: source.className },
    isTrainedOn: (before) => source.isThat(before.data),
  };
}

/** Opens all that is read, then the weights folder for writing. Throws what those throw. */
async function open(options: RunOptions, { series, isTrainedOn }: Purpose, emit: Emit) {
  // A GPU is looked for in a process of its own, while this one reads.
  const resolving = resolveDevice(options.device ?? "auto");
  resolving.catch(() => undefined);
  const newest = async (): Promise<string | undefined> =>
    options.fresh ? undefined : (await listGenerations(options.weights)).whole[0]?.id;
  let waits = false;
  const onWaiting = ({ pid, purpose = "train" }: Owner): void => {
    if (!waits) emit({ type: "warning", code: "WAITING_FOR_FOLDER", detail: `${purpose} ${pid}` });
    waits = true;
  };
  const takenUp = await takeUpLeft(options.weights, series, { patience, onWaiting });
  for (;;) {
    const before = await newest();
    const beginning = await begin(options, series, isTrainedOn);
    const { from } = beginning;
    const source = await openSource(options, beginning, emit);
    const device = await resolving;
    const threads = options.threads ?? from?.saved?.threads ?? defaultThreads();
    const watch = await findSensor(options.heat, device);
    const writer = await startWriter(
      {
        folder: options.weights,
        ...series,
        patience,
        // What comes from elsewhere begins a line of its own: retention must not count it with what is here already.
        parent: from?.generation ?? null,
        apart: from?.apart,
        retention: { everySteps: options.keepEvery },
      },
      onWaiting,
    );
    // Another training may have saved, and ended, after the checkpoint was read and before the folder was ours alone.
    if ((await newest()) === before) return { beginning, source, device, threads, watch, writer, takenUp };
    await writer.close();
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
  const mayLeave = (times: number): boolean =>
    times > 1 && working !== undefined && working.engine.busy && working.rescue.mayLeave();
  const answerStop = ({ signal, times }: StopWish): void => {
    // "ended" is the last event, also for someone who goes on pressing.
    if (over) return;
    const leaving = mayLeave(times);
    const { running: saving = false, share } = working?.saves ?? {};
    emit({ type: "stop-requested", signal, times, saving, share, leaving });
    if (leaving) working?.engine.leave();
  };
  stop.listen(answerStop);
  const purpose = await whatFor(options);
  const { series } = purpose;
  const { label } = series;
  const { beginning, source, device, threads, watch, writer, takenUp } = await open(options, purpose, emit);
  const { config, preset, from } = beginning;
  const arithmetic = arithmeticOf(device, config.precision);
  const backups = createBackups(writer, emit, options.backups);
  const tellSave: Emit = (event) => {
    emit(event);
    // Weights are worth more than images that can be decoded again.
    if (event.type === "save-failed" && event.code === "DISK_FULL") void source.releaseDisk();
  };
  const saves = createSaves(writer, tellSave, from?.files ?? [], (saved) => backups.consider(saved));
  const outliving = await outlive(options.weights, series, writer.opening, beginning.place.step);
  const track: Track = {
    config,
    place: beginning.place,
    setup: undefined,
    sessionBatches: 0,
    preview: undefined,
  };
  const rescue = createRescue(saves, track, stop);
  const warn = (code: WarningCode, detail: string): void => emit({ type: "warning", code, detail });

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
  for (const path of movedAside) warn("FILE_MOVED_ASIDE", path);
  for (const problem of problems) emit({ type: "store-problem", ...problem });
  if (!links) warn("NO_HARD_LINKS", options.weights);
  for (const id of takenUp.saved) warn("STATE_TAKEN_UP", id);
  for (const file of takenUp.staying) warn("STATE_NOT_UNDERSTOOD", file);
  if (from) {
    const { id, kind, skipped, saved } = from;
    emit({ type: "resumed", id, kind, position: positionOf(track.place), skipped });
    if (from.startIgnored !== undefined) {
      warn("START_IGNORED", `${from.startIgnored} → ${track.place.resolution}`);
    }
    for (const { code, detail } of from.remarks) warn(code, detail);
    if (!from.hasOptimizer && from.remarks.length === 0) warn("NO_OPTIMIZER_STATE", id);
    if (saved && saved.device !== device) warn("DEVICE_DIFFERS", `${saved.device} → ${device}`);
    if (saved && saved.threads !== threads) warn("THREADS_DIFFER", `${saved.threads} → ${threads}`);
    // Another device is said already.
    if (saved?.device === device && saved.arithmetic !== arithmetic)
      warn("ARITHMETIC_DIFFERS", `${saved.arithmetic} → ${arithmetic}`);
    if (planDone(track.place, config)) warn("PLAN_ALREADY_FINISHED", id);
    if (config.batchDivisor > 1) emit(batchesDivided(config, track.place.resolution));
  }
  if (config.precision === "mixed" && device === "cpu") warn("HALF_IMITATED", device);
  const heat = watchHeat(watch, options.heat.thresholds, emit, from?.saved?.heat);

  let warnedOfData = false;
  const setupOf = (images: { fingerprint: string; count: number }): (() => Setup) => {
    const before = from?.saved?.data;
    if (before && before.fingerprint !== images.fingerprint && !warnedOfData) {
      warnedOfData = true;
      warn("DATA_DIFFERS", `${before.images} → ${images.count}`);
    }
    return () => ({
      config: track.config,
      preset,
      device,
      threads,
      arithmetic,
      data: { fingerprint: images.fingerprint, images: images.count },
      ...heatSoFar(),
    });
  };
  const heatSoFar = (): Pick<Setup, "heat"> => {
    const summary = heat.summary();
    return summary === undefined ? {} : { heat: summary };
  };

  const end = (how: Ended["how"], error?: unknown): Ended => {
    const ended: Ended = {
      type: "ended",
      how,
      signal: stop.wish?.signal,
      position: positionOf(track.place),
      seconds: (performance.now() - startedAt) / 1000,
      files: saves.files,
      preview: track.preview,
      nonFinite: saves.nonFinite,
      resumeCommand: how === "finished" ? undefined : resumeCommand(options.command),
      batchesLost:
        track.sessionBatches === 0
          ? 0
          : track.place.batches - (saves.savedBatches ?? beginning.place.batches),
      code: isGuardapesosError(error) ? error.code : undefined,
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
      if (!isGuardapesosError(error) || error.code !== "OUTPUT_NOT_WRITABLE") throw error;
      warn("SAMPLES_NOT_WRITTEN", reasonOf(error));
      return undefined;
    }
  };

  let engine: Engine | undefined;
  try {
    engine = await startEngine(
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
            const path = await writePreview(made, config, place, options.samples, pictureLabel);
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
    if (stop.fault) throw stop.fault.error;
    return end(result.how satisfies LoopEnd["how"]);
  } catch (error) {
    const failure = await rescue.save(engine, error);
    const left = error instanceof EngineLeft;
    if (left && !failure && !stop.fault) return end("stopped");
    const reason = left ? (stop.fault?.error ?? failure) : error;
    end("failed", reason);
    throw reason;
  } finally {
    await heat.close();
    await asker.close(over);
    await writer.close();
    await engine?.close();
    await outliving.close(track.sessionBatches > 0 && saves.savedBatches !== track.place.batches);
    // The system would do it, too; a disk that does not answer must not hold up the end.
    void source.releaseDisk();
  }
}
