import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { presetNames, presets, resolutions } from "../progan/config.js";
import { fromJson, positionOf, readProgress, toJson, type Progress } from "./progress.js";

const count = fc.nat(1_000_000);
const scale = fc.record({
  scale: fc.integer({ min: 0, max: 127 }).map((power) => 2 ** power),
  steady: count,
  skipped: count,
});
const anyProgress: fc.Arbitrary<Progress> = fc.record({
  place: fc.record({
    step: count,
    batches: count,
    resolution: fc.constantFrom(...resolutions),
    epoch: count,
    batch: count,
    image: count,
    alpha: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  config: fc.constantFrom(...presetNames).map((name) => presets[name]),
  preset: fc.constantFrom(...presetNames),
  device: fc.constantFrom("cpu", "webgpu"),
  threads: fc.integer({ min: 1, max: 64 }),
  arithmetic: fc.integer({ min: 1, max: 9 }),
  data: fc.record({ fingerprint: fc.string(), images: count }),
  scales: fc.option(fc.record({ generator: scale, critic: scale }), { nil: undefined }),
});
const example = fc.sample(anyProgress, { numRuns: 1, seed: 1 })[0]!;
const asRead = (value: unknown) => JSON.parse(JSON.stringify(value)) as Parameters<typeof fromJson>[0];

describe("the progress in a checkpoint", () => {
  it("comes back from its JSON to the last bit of alpha", () => {
    fc.assert(
      fc.property(anyProgress, (progress) => {
        // -0 is the one double that JSON does not keep, and no alpha.
        fc.pre(!Object.is(progress.place.alpha, -0));
        expect(fromJson(asRead(toJson(progress)))).toEqual(progress);
      }),
    );
  });

  it("from before there was another arithmetic is of the first one", () => {
    expect(fromJson(asRead({ ...example, arithmetic: undefined }))?.arithmetic).toBe(1);
  });

  it("of a plain PyTorch pair is none, and so is one that lacks or garbles anything", () => {
    expect(fromJson({})).toBeUndefined();
    for (const key of ["place", "config", "preset", "device", "threads", "data"] as const) {
      expect(fromJson(asRead({ ...example, [key]: undefined })), key).toBeUndefined();
    }
    const withPlace = (change: object) =>
      fromJson(asRead({ ...example, place: { ...example.place, ...change } }));
    expect(withPlace({})).toBeDefined();
    for (const change of [{ resolution: 5 }, { step: -1 }, { batch: 1.5 }, { alpha: 1.1 }, { alpha: null }])
      expect(withPlace(change), JSON.stringify(change)).toBeUndefined();
    expect(fromJson(asRead({ ...example, preset: "other" }))).toBeUndefined();
  });

  it("is bounded as what is typed, and refused with the place of what is wrong", () => {
    const wrong: [string, object][] = [
      ["threads", { threads: 0 }],
      ["threads", { threads: 100_000 }],
      ["threads", { threads: 1.5 }],
      ["place.step", { place: { ...example.place, step: 1e300 } }],
      ["place.resolution", { place: { ...example.place, resolution: "8" } }],
      ...[
        { latent: 0 },
        { channels: 1e9 },
        { imageChannels: 2 },
        { phantoms: 0 },
        { phantoms: 1e15 },
        { accumulate: 0 },
        { batchDivisor: 0 },
        { learningRate: null },
        { learningRate: -1 },
        { seed: -1 },
        { seed: 2 ** 60 },
        { autosave: 0 },
        { autosave: "0m" },
        { autosave: "Infinitym" },
        { autosave: "soon" },
        { epochs: example.config.epochs.slice(1) },
        { batchSizes: [] },
      ].map((change): [string, object] => [
        `config.${Object.keys(change)[0]!}`,
        { config: { ...example.config, ...change } },
      ]),
      ["config.epochs.3", { config: { ...example.config, epochs: example.config.epochs.with(3, 0) } }],
    ];
    for (const [where, change] of wrong) {
      const refused = expect.objectContaining({ code: "PROGRESS_UNREADABLE" }) as unknown;
      let error: unknown;
      try {
        readProgress(asRead({ ...example, ...change }), "an id");
      } catch (thrown) {
        error = thrown;
      }
      expect(error, where).toEqual(refused);
      expect(error, where).toMatchObject({ data: { id: "an id", where } });
    }
    expect(readProgress(asRead(example), "an id")).toEqual(example);
  });

  it("written by a later version, with more in it, still tells what this one knows", () => {
    expect(fromJson(asRead({ ...example, heat: { policy: "strict" } }))).toEqual(example);
  });

  it("written by an earlier version is of a training in float32", () => {
    const { precision, ...config } = example.config;
    expect(precision).toBe("float32");
    expect(fromJson(asRead({ ...example, config }))).toEqual(example);
  });

  it("as a position is the place without what only the plan needs", () => {
    expect({ ...positionOf(example.place), image: example.place.image }).toEqual(example.place);
    expect(positionOf(example.place)).not.toHaveProperty("image");
  });
});
