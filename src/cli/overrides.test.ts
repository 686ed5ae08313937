/** Whatever can be typed is read back from the checkpoint that it is saved in. */
import { join } from "node:path";
import { Command } from "commander";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import type { Checkpoint } from "../checkpoint/index.js";
import { headerIn, toTorch } from "../checkpoint/network-file.js";
import { bounds, presetNames, presets, resolutions } from "../progan/config.js";
import { textsOf } from "../texts/index.js";
import { readTorchFile, writeTorchFile } from "../torch/index.js";
import { readProgress, toJson, type Progress } from "../training/progress.js";
import { parseConfig } from "./config-file.js";
import { addOptions, trainingOptions } from "./options.js";
import { overridesOf } from "./overrides.js";

const within = ({ min, max }: { readonly min: number; readonly max: number }) =>
  fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
const perResolution = (one: fc.Arbitrary<number>) =>
  fc.oneof(one, fc.array(one, { minLength: resolutions.length, maxLength: resolutions.length }));
const positive = fc.double({ min: 0, minExcluded: true, noNaN: true, noDefaultInfinity: true });
/** As people write numbers, and as JavaScript does. */
const written = fc.oneof(
  positive.map(String),
  fc.nat(9).map((zeros) => `0.${"0".repeat(zeros)}1`),
  fc.constantFrom("0.0000001", "1e-7", "5e-324", "1e21", "10", "0010.50"),
);
const anyAutosave = fc.oneof(
  fc.constant("auto"),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  written.map((minutes) => `${minutes}m`),
);
const anySettings = fc.record(
  {
    latent: within(bounds.latent),
    channels: within(bounds.channels),
    imageChannels: fc.constantFrom(1, 3),
    epochs: perResolution(within(bounds.epochs)),
    batchSizes: perResolution(within(bounds.batchSizes)),
    accumulate: within(bounds.accumulate),
    precision: fc.constantFrom("float32", "mixed"),
    lr: positive,
    seed: fc.maxSafeNat(),
    autosave: anyAutosave,
    phantoms: within(bounds.phantoms),
    threads: within(bounds.threads),
  },
  { requiredKeys: [] },
);
const anyPlace = fc.record({
  step: fc.nat(),
  batches: fc.nat(),
  resolution: fc.constantFrom(...resolutions),
  epoch: fc.nat(bounds.epochs.max),
  batch: fc.nat(),
  image: fc.nat(),
  alpha: fc.double({ min: 0, max: 1, noNaN: true }).map((alpha) => alpha + 0),
});

/** What a checkpoint says of a training that was begun with these settings. */
function progressOf(settings: object, place: Progress["place"]): Progress {
  const { threads = 1, ...parsed } = parseConfig("config.json", JSON.stringify(settings));
  return {
    place,
    config: { ...presets.demo, ...overridesOf(parsed) },
    preset: presetNames[0]!,
    device: "cpu",
    threads,
    arithmetic: 1,
    data: { fingerprint: "0123456789abcdef", images: 12 },
  };
}

const fromManifest = (progress: Progress) =>
  JSON.parse(JSON.stringify(toJson(progress))) as Checkpoint["progress"];

function headerWith(progress: Progress) {
  const [pair, run] = ["0", "1"].map((digit) => digit.repeat(32));
  const names = {
    generation: "00000001-auto-20260101_000000",
    network: "generator",
    networks: ["generator"],
  };
  return {
    ...{ format: 2, pair: pair!, run: run!, ...names, parameters: [], kind: "auto" as const, step: 1 },
    ...{ reason: "every batch", saved_at: "2026-01-01T00:00:00.000Z", progress: toJson(progress) },
  };
}

/** Typed as `--name text`; undefined where that is refused. */
function typed(option: "autosave" | "lr", text: string): unknown {
  const command = new Command().exitOverride();
  addOptions(command, { [option]: trainingOptions[option] }, textsOf("en"));
  try {
    return command.parse([`--${option}`, text], { from: "user" }).opts()[option];
  } catch {
    return undefined;
  }
}

describe("whatever can be typed", () => {
  it("is read back from a manifest", () => {
    fc.assert(
      fc.property(anySettings, anyPlace, (settings, place) => {
        const progress = progressOf(settings, place);
        expect(readProgress(fromManifest(progress), "id")).toEqual(progress);
      }),
    );
  });

  it("is read back from a .pth", async () => {
    const folder = await testFolder();
    let made = 0;
    await fc.assert(
      fc.asyncProperty(anySettings, anyPlace, async (settings, place) => {
        const progress = progressOf(settings, place);
        const path = join(folder, `${made++}.pth`);
        const state = { stateDict: new Map(), parameters: [], adam: undefined };
        await writeTorchFile(path, toTorch(state, headerWith(progress)));
        const file = await readTorchFile(path);
        expect(readProgress(headerIn(file.value)!.progress, "id")).toEqual(progress);
        await file.close();
      }),
      { numRuns: 40 },
    );
  });

  it("on the command line as an interval or a rate is taken as the same again", () => {
    fc.assert(
      fc.property(written, (text) => {
        for (const value of [typed("autosave", `${text}m`), typed("lr", text)]) {
          if (value === undefined) continue;
          const settings = typeof value === "string" ? { autosave: value } : { lr: value };
          const progress = progressOf(settings, { ...headerlessPlace });
          expect(readProgress(fromManifest(progress), "id")).toEqual(progress);
        }
      }),
    );
    expect(typed("autosave", "0.0000001m")).toBe("1e-7m");
    for (const text of ["1e999m", "0m", "0.0m", "-1m", "1e-999m", "m", "1e5"])
      expect(typed("autosave", text), text).toBeUndefined();
  });
});

const headerlessPlace = {
  step: 0,
  batches: 0,
  resolution: 4,
  epoch: 0,
  batch: 0,
  image: 0,
  alpha: 0,
} as const;
