import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../base/errors.js";
import { isGuardapesosError } from "../base/errors.js";
import { parseConfig } from "./config-file.js";

/** The error of a config file's content. */
function faultOf(content: string): { code: ErrorCode; data: unknown } {
  try {
    parseConfig("c.json", content);
  } catch (error) {
    if (isGuardapesosError(error)) return { code: error.code, data: error.data };
    throw error;
  }
  throw new Error("it was accepted");
}

describe("a config file", () => {
  it("may hold every option of training", () => {
    const nine = [16, 16, 12, 8, 6, 4, 3, 2, 1];
    const settings = {
      data: "scans",
      class: "DRUSEN",
      weights: "w",
      name: "night",
      preset: "rtx3070",
      latent: 64,
      channels: 32,
      "image-channels": 1,
      start: 8,
      end: 128,
      epochs: 5,
      "batch-sizes": nine,
      accumulate: 2,
      lr: 0.0005,
      seed: 0,
      autosave: 100,
      "max-batches": 1000,
      device: "cpu",
      threads: 2,
      samples: "s",
      phantoms: 100,
      lang: "es",
      json: false,
      fresh: false,
      resume: "latest",
    };
    const {
      "image-channels": imageChannels,
      "batch-sizes": batchSizes,
      "max-batches": maxBatches,
      ...same
    } = settings;
    expect(parseConfig("c.json", JSON.stringify(settings))).toEqual({
      ...same,
      imageChannels,
      batchSizes,
      maxBatches,
      epochs: Array(9).fill(5),
    });
  });

  it.each([500, "10m", "2.5m", "auto"])("takes %j as an interval between saves", (autosave) => {
    expect(parseConfig("c.json", JSON.stringify({ autosave }))).toEqual({ autosave });
  });

  it("may hold recipes, their keys as they are typed or as they are named in the code", () => {
    const recipes = { mine: { "resume-set": " LOAD=True ", resumeEnv: ["A=1"] }, other: {} };
    expect(parseConfig("c.json", JSON.stringify({ recipes }))).toEqual({
      recipes: { mine: { resumeSet: ["LOAD=True"], resumeEnv: ["A=1"] }, other: {} },
    });
    for (const wrong of [{ mine: { unknown: 1 } }, { mine: { set: 5 } }, { " ": {} }, { mine: [] }, [], 1])
      expect(faultOf(JSON.stringify({ recipes: wrong }))).toMatchObject({
        code: "CONFIG_INVALID",
        data: { key: "recipes", expected: { kind: "recipes" } },
      });
  });

  it("may begin with a byte order mark, and be empty", () => {
    expect(parseConfig("c.json", '\ufeff{"seed":1}')).toEqual({ seed: 1 });
    expect(parseConfig("c.json", "{}")).toEqual({});
  });

  it.each([
    ["{", "CONFIG_NOT_JSON", {}],
    ["[]", "CONFIG_INVALID", { key: "", value: "[]" }],
    ["null", "CONFIG_INVALID", { key: "", value: "null" }],
    ['{"epoch":1}', "CONFIG_UNKNOWN_KEY", { key: "epoch", suggestion: "epochs" }],
    ['{"batch-size":1}', "CONFIG_UNKNOWN_KEY", { key: "batch-size", suggestion: "batch-sizes" }],
    ['{"learning-rate":1}', "CONFIG_UNKNOWN_KEY", { key: "learning-rate", suggestion: undefined }],
    ['{"config":"other.json"}', "CONFIG_UNKNOWN_KEY", { key: "config" }],
    ['{"resume":"a\\u0000b"}', "CONFIG_INVALID", { key: "resume", value: '"a\\u0000b"' }],
    ['{"sensor":"simulated:a\\u0000b"}', "CONFIG_INVALID", { key: "sensor" }],
    ['{"stop-after":"1e9h"}', "CONFIG_INVALID", { key: "stop-after" }],
    ['{"time-scale":0}', "CONFIG_INVALID", { key: "time-scale", value: "0" }],
    ['{"constructor":1}', "CONFIG_UNKNOWN_KEY", { key: "constructor" }],
    [`{"lr":0,"epoch":1}`, "CONFIG_UNKNOWN_KEY", { key: "epoch" }],
    [`{"weights":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "CONFIG_INVALID", { key: "weights" }],
    [`${"[".repeat(100_000)}${"]".repeat(100_000)}`, "CONFIG_INVALID", { key: "" }],
    ['{"__proto__":{"lr":1}}', "CONFIG_UNKNOWN_KEY", { key: "__proto__" }],
    ['{"batch-sizes":1,"batchSizes":2}', "CONFIG_KEY_TWICE", { key: "batch-sizes", other: "batchSizes" }],
    ['{"lr":"0.1"}', "CONFIG_INVALID", { key: "lr", value: '"0.1"', expected: { kind: "number", above: 0 } }],
    ['{"autosave":0}', "CONFIG_INVALID", { key: "autosave", value: "0" }],
    ['{"autosave":"10"}', "CONFIG_INVALID", { key: "autosave", value: '"10"' }],
    ['{"autosave":"0m"}', "CONFIG_INVALID", { key: "autosave", expected: { kind: "interval" } }],
    ['{"backups":-1}', "CONFIG_INVALID", { key: "backups" }],
    ['{"lr":0}', "CONFIG_INVALID", { key: "lr" }],
    ['{"seed":1.5}', "CONFIG_INVALID", { key: "seed" }],
    ['{"max-batches":0}', "CONFIG_INVALID", { key: "max-batches" }],
    ['{"maxBatches":0}', "CONFIG_INVALID", { key: "maxBatches" }],
    ['{"weights":""}', "CONFIG_INVALID", { key: "weights" }],
    ['{"name":"../x"}', "CONFIG_INVALID", { key: "name" }],
    ['{"fresh":"yes"}', "CONFIG_INVALID", { key: "fresh" }],
    ['{"image-channels":2}', "CONFIG_INVALID", { key: "image-channels" }],
    ['{"epochs":[1,2]}', "CONFIG_INVALID", { key: "epochs" }],
    ['{"batch-sizes":[1,2,3]}', "BATCH_SIZES_LENGTH", { given: 3, expected: 9 }],
    ['{"batch-sizes":[1,2,3,4,5,6,7,8,0]}', "CONFIG_INVALID", { key: "batch-sizes" }],
    ['{"start":5}', "RESOLUTION_INVALID", { option: "--start", value: "5" }],
    ['{"preset":"fast"}', "PRESET_UNKNOWN", { preset: "fast" }],
  ])("with %s is refused as %s", (content, code, data) => {
    const fault = faultOf(content);
    expect(fault.code).toBe(code);
    expect(fault.data).toMatchObject(data);
  });
});
