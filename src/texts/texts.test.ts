import { describe, expect, it } from "vitest";
import type { ErrorCode, ErrorData, Expected, Failure, ImageProblem } from "../base/errors.js";
import { failureOf, GuardapesosError } from "../base/errors.js";
import type { TorchFeature, TorchPart, TorchProblem } from "../base/torch-problem.js";
import type { RunEvent, RunEventOf } from "../events/event.js";
import { warning, type WarningCode, type WarningData } from "../events/warning.js";
import { formats, type Language } from "./formats.js";
import { failureText } from "./failure.js";
import { languageOf, sentenceOf, textsOf } from "./index.js";

/** One example of every error; the type makes it complete. */
const examples: { readonly [Code in ErrorCode]: ErrorData[Code] } = {
  CURRENT_FOLDER_GONE: { folder: "/media/usb/oct" },
  FOLDER_NOT_FOUND: { folder: "scans" },
  FOLDER_NOT_READABLE: { folder: "scans", reason: "EACCES" },
  NAME_NOT_DECODED: { folder: "scans", name: "ni\ufffdo.jpg" },
  NO_IMAGES: { folder: "scans", leftOut: [{ kind: ".dcm", count: 6 }] },
  UNKNOWN_CLASS: { folder: "scans", wanted: "DRUSSEN", classes: ["CNV", "DRUSEN"], places: [] },
  CLASS_NEEDED: {
    folder: "scans",
    inside: false,
    classes: ["CNV", "DRUSEN"],
    deeper: ["more"],
    together: true,
  },
  IMAGE_NOT_READ: { problem: "channels", channels: 5 },
  DATA_NEEDED: { id: "00000001-auto-20251106_153045", class: "DRUSEN", mayDraw: false },
  DATA_GONE: { id: "00000001-auto-20251106_153045", folder: "/data/oct/DRUSEN" },
  IMAGES_VANISHED: { folder: "/data/oct/DRUSEN", gone: 20, of: 100 },
  IMAGES_UNREADABLE: { folder: "scans", first: "a.png", reason: "EOF" },
  COMMAND_UNKNOWN: { command: "trian", suggestion: "train" },
  OPTION_UNKNOWN: { option: "--epoch", suggestion: "--epochs" },
  OPTION_VALUE_MISSING: { option: "--lr" },
  PROGRAM_NOT_GIVEN: {},
  PROGRAM_NOT_FOUND: { program: "pyton" },
  PROGRAM_NOT_EXECUTABLE: { program: "train.py" },
  SCRIPT_STILL_RUNS: {
    folder: "weights/guardapesos",
    script: "train.py",
    pid: 4242,
    since: "2025-11-06T15:30:45Z",
  },
  ARGUMENT_MISSING: { argument: "file" },
  ARGUMENT_UNEXPECTED: { command: "train", argument: "DRUSEN" },
  PLACE_ELSEWHERE: { place: "s3://copies/oct" },
  OPTION_INVALID: { option: "--lr", value: "-1", expected: { kind: "number", above: 0 } },
  OPTIONS_CONFLICT: { option: "--fresh", other: "--resume" },
  OPTION_NEEDS: { option: "--class", needed: "--data" },
  RESOLUTION_INVALID: { option: "--end", value: "100" },
  RESOLUTION_RANGE: { start: 64, end: 32 },
  RESOLUTION_UNTRAINED: { id: "g.pth", wanted: 64, trained: 8 },
  GRID_TOO_LARGE: { path: "a.jpg", count: 5000, resolution: 1024, most: 3844 },
  BATCH_SIZES_LENGTH: { given: 3, expected: 9 },
  PRESET_UNKNOWN: { preset: "demmo", presets: ["demo", "full"] },
  CONFIG_NOT_JSON: { file: "c.json", reason: "EOF" },
  CONFIG_UNKNOWN_KEY: { file: "c.json", key: "epoch", suggestion: "epochs" },
  CONFIG_KEY_TWICE: { file: "c.json", key: "batch-sizes", other: "batchSizes" },
  CONFIG_INVALID: { file: "c.json", key: "lr", value: '"fast"', expected: { kind: "number", above: 0 } },
  CONFIG_NOT_FOUND: { file: "c.json" },
  SETTING_INVALID: { option: "--set", value: "LR", problem: "no-sign" },
  SETTING_MISSING: { name: "EPOCH", file: "/x/train.py", suggestion: "EPOCHS", imported: undefined },
  PLACEHOLDER_UNKNOWN: {
    option: "--resume-set",
    placeholder: "{generater}",
    known: ["{generator}", "{dir}"],
  },
  PLACEHOLDER_EMPTY: { placeholder: "{critic}", id: "7-script", several: false, files: ["a.pth", "b.pth"] },
  QUOTE_NOT_CLOSED: { option: "--resume-args", value: "--resume 'x" },
  RECIPE_UNKNOWN: { recipe: "progan", recipes: ["progan-local"], suggestion: "progan-local" },
  DEVICE_UNAVAILABLE: { device: "cuda", available: ["cpu", "webgpu"], reason: "no driver" },
  ENGINE_MEMORY: { what: "64x64", reason: "bad_alloc" },
  ENGINE_FAILED: { what: "64x64", reason: "NaN" },
  ENGINE_DIED: { reason: "out of heap" },
  DEVICE_NO_HALF: { device: "webgpu", reason: "the device does not support f16" },
  HALF_OVERFLOW: { network: "critic" },
  ENGINE_HUNG: { seconds: 600 },
  TORCH_FILE_UNREADABLE: { file: "g.pth", reason: "system", detail: "EACCES" },
  TORCH_FILE_INVALID: { file: "g.pth", where: { record: "data.pkl" }, offset: 12, reason: "checksum" },
  TORCH_FILE_REFUSED: { file: "g.pth", name: "os.system", offset: 12 },
  TORCH_FILE_UNSUPPORTED: { file: "g.pth", feature: "dtype", dtype: "complex64", tensor: "a" },
  WEIGHTS_NOT_WRITABLE: { folder: "weights", reason: "EACCES" },
  WEIGHTS_FOLDER_GONE: { folder: "weights" },
  TRAINING_DIVERGED: {
    id: "00000042-auto-20251106_153045",
    values: 3,
    good: "00000040-auto-20251106_153045",
  },
  WEIGHTS_IN_USE: { folder: "weights", pid: 4711, since: "2025-11-06T15:30:45Z" },
  DISK_FULL: { folder: "weights", needed: 582e6, free: 12e6 },
  SAVE_FAILED: { folder: "weights", reason: "EIO" },
  ARTIFACT_CHANGED: { file: "weights/generator.pth" },
  SAVE_NOT_VERIFIED: { id: "7-auto", file: "critic.pth", where: "weights/a", reason: "checksum" },
  FOREIGN_NOT_FOUND: { folder: "runs" },
  CHECKPOINT_NOT_FOUND: { reference: "8-auto", known: ["7-auto"] },
  SERIES_NOT_FOUND: {
    folder: "weights",
    class: "HER2",
    name: "local",
    known: [{ class: "HER2+", name: "a" }],
  },
  CHECKPOINT_OF_OTHERS: { id: "7-auto", class: "HER2+", other: undefined, label: "HER2", name: "local" },
  CHECKPOINT_DAMAGED: { id: "7-auto", file: "critic.pth", reason: "size", bytes: 5, expected: 6 },
  CHECKPOINT_ARCHITECTURE: { id: "7-auto", differences: ["latent 64 / 256"], options: true },
  CHECKPOINT_PAIR_MISMATCH: { generator: "g.pth", critic: "c.pth", partner: "d.pth" },
  LOOSE_PAIR_AMBIGUOUS: { folder: "weights", files: ["generator_v10.pth", "generator_v11.pth"] },
  CHECKPOINT_PARTNER_MISSING: { file: "g.pth", partner: "c.pth" },
  CHECKPOINT_PARTNER_AMBIGUOUS: { file: "g.pth", network: "critic", candidates: ["a.pth", "b.pth"] },
  CHECKPOINT_OTHER_NETWORK: { file: "g.pth", holds: "critic", wanted: "generator" },
  STATE_DICT_AMBIGUOUS: { file: "g.pth", network: "generator", names: ["params", "params_ema"] },
  STATE_DICT_UNKNOWN: { file: "g.pth", wanted: "ema", names: ["params", "params_ema"] },
  CHECKPOINT_FORMAT_NEWER: { id: "7-auto", format: 9 },
  PROGRESS_UNREADABLE: {
    id: "00000001-auto-20251106_153045",
    where: "config.learningRate",
    detail: "Invalid input",
  },
  NOTHING_TO_GENERATE_FROM: { folder: "weights" },
  WEIGHTS_NOT_FINITE: { id: "7-auto", values: 12_345 },
  NOT_A_WEIGHTS_FOLDER: { folder: "scans" },
  FOLDER_IS_LINK: { folder: "weights/checkpoints" },
  LINK_LEADS_NOWHERE: { path: "weights" },
  CONFIRMATION_NEEDED: { newest: "2025-11-06" },
  NO_BACKUP: { folder: "weights/backups" },
  SENSOR_UNAVAILABLE: { sensor: "nvml", reason: "no card" },
  TRACE_UNREADABLE: { file: "heat.csv", reason: "ENOENT" },
  TRACE_INVALID: { file: "heat.csv", line: 3, reason: "seconds?" },
  THRESHOLDS_ORDER: { low: "--warn-at", lowValue: 90, high: "--cool-at", highValue: 82 },
  ENDED_WITHOUT_ANSWER: { pid: 7, newest: "00000500-auto-20251106_153045" },
  OUTPUT_NOT_WRITABLE: { path: "samples/a.png", reason: "EACCES" },
  OUTPUT_EXISTS: { path: "a.safetensors" },
  OUTPUT_INCOMPLETE: { path: undefined, reason: "ENOSPC" },
};

/** One example of every problem; the type makes it complete. */
const torchProblems: {
  readonly [Reason in TorchProblem["reason"]]: TorchProblem & { readonly reason: Reason };
} = {
  "not-torch": { reason: "not-torch" },
  empty: { reason: "empty" },
  zeros: { reason: "zeros" },
  "cut-off": { reason: "cut-off" },
  "no-end": { reason: "no-end" },
  appended: { reason: "appended" },
  checksum: { reason: "checksum" },
  directory: { reason: "directory" },
  header: { reason: "header" },
  overlap: { reason: "overlap" },
  packing: { reason: "packing" },
  "record-name": { reason: "record-name", name: "../x" },
  "record-twice": { reason: "record-twice", name: "a/data/0" },
  "record-missing": { reason: "record-missing", name: "data/7" },
  "record-size": { reason: "record-size", bytes: 1600, expected: 16 },
  pickle: { reason: "pickle" },
  tensor: { reason: "tensor" },
  storage: { reason: "storage" },
  cycle: { reason: "cycle" },
  "too-deep": { reason: "too-deep", levels: 200 },
  memory: { reason: "memory", bytes: 4e12 },
  endless: { reason: "endless" },
  json: { reason: "json" },
  structure: { reason: "structure" },
  entry: { reason: "entry", tensor: "w" },
};
const torchParts: readonly TorchPart[] = ["start", "zip-directory", "zip-end", "pickle", "storage-keys", "storage", "header", "end"]; // prettier-ignore
const torchFeatures: readonly TorchFeature[] = [
  { feature: "encryption", record: "a/data/0" },
  { feature: "packing", record: "a/data/0", method: 99 },
  { feature: "torchscript" },
  { feature: "exported-program" },
  { feature: "torch-package" },
  { feature: "distributed-data" },
  { feature: "distributed-metadata" },
  { feature: "index" },
  { feature: "pickle" },
  ...["nested", "distributed", "meta", "quantised", "unknown-type", "sparse_coo", "other"].map(
    (layout) => ({ feature: "compound", layout, tensor: "w" }) as const,
  ),
  { feature: "layout", layout: "torch._mkldnn" },
  { feature: "tar" },
  { feature: "legacy-version" },
  { feature: "no-tensors" },
  { feature: "hooks" },
  { feature: "marked-tensors" },
  { feature: "whole-model", name: "torch.nn.modules.linear.Linear" },
  { feature: "size", where: { record: "data.pkl" }, bytes: 1e9 },
  { feature: "no-state-dict" },
  { feature: "dtype", dtype: "complex64", tensor: "w" },
  { feature: "not-in-safetensors", what: "w (complex128)" },
];

const position = { step: 900, batches: 900, resolution: 64, epoch: 2, batch: 500, alpha: 0.35 };
const files = [
  { path: "weights/EMERGENCY_generator_20251106_153045.pth", bytes: 231e6 },
  { path: "weights/EMERGENCY_critic_20251106_153045.pth", bytes: 230e6 },
];
const stop = {
  how: "stopped",
  signal: "SIGINT",
  position,
  seconds: 3725,
  files,
  preview: undefined,
} as const;
const stopped: RunEvent = {
  type: "ended",
  ...stop,
  nonFinite: 0,
  resumeCommand: "npx guardapesos train --data scans",
  batchesLost: 0,
  code: undefined,
};

const both = ["en", "es"] as const;

describe.each(both)("the catalogue in %s", (language) => {
  const texts = textsOf(language);

  it.each(Object.keys(examples) as ErrorCode[])("says %s in a finished sentence", (code) => {
    const sentence = sentenceOf(texts, new GuardapesosError(code, examples[code]));
    expect(sentence).toMatch(/[.?]$/);
    expect(sentence).not.toMatch(/undefined|\[object|NaN(?!\.|\))|\n/);
    const names = ["CHECKPOINT_DAMAGED", "SAVE_NOT_VERIFIED"];
    // What a fault is called in data is no word for people.
    const inData = (key: string) =>
      key === "problem" ||
      ((names.includes(code) || code.startsWith("TORCH_FILE_")) && (key === "reason" || key === "feature")) ||
      // Both networks have names in each language.
      examples[code][key as never] === "generator" ||
      examples[code][key as never] === "critic";
    for (const [key, value] of Object.entries(examples[code])) {
      if (typeof value !== "string" || /^\d{4}-/.test(value) || inData(key)) continue;
      expect(sentence).toContain(value);
    }
  });

  it("says every problem of an image in words of its own", () => {
    const problems: readonly ImageProblem[] = [
      { problem: "dicom" },
      { problem: "no-image" },
      { problem: "empty" },
      { problem: "bitmap" },
      { problem: "animated-png" },
      { problem: "not-finite" },
      { problem: "numbers", bits: 64, format: "float" },
      { problem: "colors", photometric: 6 },
      { problem: "colors", photometric: 32_844 },
      { problem: "channels", channels: 5 },
      { problem: "slices", slices: 73 },
    ];
    const sentences = problems.map((problem) =>
      sentenceOf(texts, new GuardapesosError("IMAGE_NOT_READ", problem)),
    );
    expect(new Set(sentences).size).toBe(problems.length);
    for (const sentence of sentences) expect(sentence).not.toMatch(/undefined|\[object/);
  });

  it("names a dozen of 30,000 folders, and the way to train on all of them", () => {
    const classes = Array.from({ length: 30_000 }, (_, i) => `patient_${i}`);
    const folders = { folder: "scans", inside: false, classes, deeper: [], together: true };
    const sentence = sentenceOf(texts, new GuardapesosError("CLASS_NEEDED", folders));
    expect(sentence.length).toBeLessThan(500);
    expect(sentence).toContain("patient_11");
    expect(sentence).toMatch(/29[.,]988/);
    expect(sentence).toMatch(/--class \.$/);
    const inside = { folder: "scans/train", inside: true, classes: [], deeper: classes, together: false };
    const other = sentenceOf(texts, new GuardapesosError("CLASS_NEEDED", inside));
    expect(other.length).toBeLessThan(500);
    expect(other).toContain("--data scans/train/patient_0");
  });

  it("says every problem of a torch file, and every place in it, in words of its own", () => {
    const sentences = Object.values(torchProblems).map((problem) =>
      texts.errors.TORCH_FILE_INVALID({ file: "g.pth", where: "start", offset: 0, ...problem }),
    );
    const looks = (["git-lfs", "web-page", "json", "gzip", "image", "torch", "safetensors", "zip", "hdf5", "gguf"] as const).map((looksLike) =>
      texts.errors.TORCH_FILE_INVALID({ file: "g.pth", where: "start", offset: 0, reason: "not-torch", looksLike }),
    );
    expect(new Set([...sentences, ...looks]).size).toBe(sentences.length + looks.length);
    const unread = (["missing", "not-a-file", "shrank", "system"] as const).map((reason) =>
      texts.errors.TORCH_FILE_UNREADABLE({ file: "g.pth", reason, detail: "EIO" }),
    );
    expect(new Set(unread).size).toBe(unread.length);
    const places = torchParts.map((where) =>
      texts.errors.TORCH_FILE_INVALID({ file: "g.pth", where, opcode: "REDUCE", offset: 7, reason: "pickle" }),
    );
    expect(new Set(places).size).toBe(places.length);
    for (const sentence of places) expect(sentence).toMatch(/, REDUCE, byte 7\)/);
    const features = torchFeatures.map((content) =>
      texts.errors.TORCH_FILE_UNSUPPORTED({ file: "g.pth", ...content }),
    );
    expect(new Set(features).size).toBe(features.length);
    for (const sentence of [...sentences, ...looks, ...places, ...features]) {
      expect(sentence).toMatch(/^g\.pth .*[.]$/);
      expect(sentence).not.toMatch(/undefined|\[object/);
    }
  }); // prettier-ignore

  it("says what every kind of option accepts", () => {
    const kinds: Expected[] = [
      { kind: "text" },
      { kind: "texts" },
      { kind: "name" },
      { kind: "boolean" },
      { kind: "object" },
      { kind: "integer", min: 1 },
      { kind: "integer", min: 1, max: 7 },
      { kind: "number", above: 0 },
      { kind: "number-from", min: 0, max: 1000, example: 0.7 },
      { kind: "interval" },
      { kind: "duration" },
      { kind: "time-of-day" },
      { kind: "sensor" },
      { kind: "integers", min: 1, max: 65536, count: 9 },
      { kind: "one-of", values: ["cpu", "cuda"] },
    ];
    const sentences = kinds.map((expected) =>
      texts.errors.OPTION_INVALID({ option: "--x", value: "y", expected }),
    );
    expect(new Set(sentences).size).toBe(kinds.length);
  });

  it("tells a stopped run where the weights are, that nothing is lost, and how to go on", () => {
    const lines = texts.events.ended(stopped).join("\n");
    for (const { path } of files) expect(lines).toContain(path);
    expect(lines).toContain("231 MB");
    expect(lines).toContain("npx guardapesos train --data scans");
    expect(lines).toMatch(language === "es" ? /Trabajo perdido: nada/ : /Work lost: none/);
  });

  it("never claims saved weights where there are none", () => {
    const lines = texts.events.ended({ ...stopped, files: [] }).join("\n");
    expect(lines).not.toContain("✅");
    expect(lines).toContain("⚠");
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGUSR2"])("answers %s", (signal) => {
    const first = texts.events["stop-requested"]({ type: "stop-requested", signal, times: 1, saving: false });
    expect(first).toHaveLength(3);
    expect(first[1]).toContain(
      signal === "SIGINT" ? "Ctrl+C" : signal === "SIGBREAK" ? "Ctrl+Break" : signal,
    );
  });
});

it("a tensor that differs is told without an algorithm: which one its digest has depends on who saved it", () => {
  for (const texts of [textsOf("en"), textsOf("es")]) {
    const damage = { file: "critic.pth", where: "weights/late.bias", reason: "tensor-changed" } as const;
    const told = texts.commands.damaged("00000001-auto-20261106_153045", damage);
    expect(told).toContain("critic.pth, weights/late.bias");
    expect(told).not.toMatch(/SHA|CRC/);
  }
});

it("a stop before the first batch speaks of no weights", () => {
  for (const texts of [textsOf("en"), textsOf("es")]) {
    const { "stop-requested": asked, ended } = texts.events;
    const wish = { type: "stop-requested", signal: "SIGINT", saving: false, nothingYet: true } as const;
    const ending: RunEventOf<"ended"> = {
      type: "ended",
      how: "stopped",
      signal: "SIGINT",
      position: undefined,
      seconds: 1,
      files: [],
      preview: undefined,
      nonFinite: 0,
      resumeCommand: "npx guardapesos train",
      batchesLost: 0,
      code: undefined,
    };
    const told = [...asked({ ...wish, times: 1 }), ...asked({ ...wish, times: 2 }), ...ended(ending)].join(
      "\n",
    );
    expect(told).toMatch(/Ctrl\+C/);
    expect(told).toContain("npx guardapesos train");
    expect(told).not.toMatch(/weights|(?<!guarda)pesos|checkpoint/i);
  }
});

it("an error whose data makes no sentence is told by its code", () => {
  for (const texts of [textsOf("en"), textsOf("es")]) {
    const torn = new GuardapesosError("WEIGHTS_IN_USE", undefined as never);
    expect(sentenceOf(texts, torn)).toContain("WEIGHTS_IN_USE");
  }
});

describe("Spanish", () => {
  const { events, errors } = textsOf("es");

  it("speaks as the seed page does", () => {
    const caught = events["stop-requested"]({
      type: "stop-requested",
      signal: "SIGINT",
      times: 1,
      saving: false,
    });
    expect(caught).toEqual([
      "=".repeat(60),
      "🛑 ¡Ctrl+C detectado! Guardando pesos antes de salir...",
      "=".repeat(60),
    ]);
    const begun = events["save-started"]({ type: "save-started", kind: "auto", reason: "", batches: 500 });
    expect(begun).toEqual(["💾 Auto-guardando checkpoint en batch 500..."]);
    expect(events.ended(stopped)).toEqual(
      expect.arrayContaining(["✅ Pesos guardados exitosamente:", "👋 Saliendo..."]),
    );
  });

  it("shares no sentence with English", () => {
    for (const code of Object.keys(examples) as ErrorCode[]) {
      const error = new GuardapesosError(code, examples[code]);
      expect(sentenceOf(textsOf("es"), error), code).not.toBe(sentenceOf(textsOf("en"), error));
    }
  });

  it("says who has the weights folder", () => {
    expect(errors.WEIGHTS_IN_USE(examples.WEIGHTS_IN_USE)).toMatch(/proceso 4711, desde .*2025.* weights/);
  });
});

describe("the language", () => {
  it.each([
    [{ LANG: "es_ES.UTF-8" }, "en-US", "es"],
    [{ LANG: "en_US.UTF-8" }, "es-ES", "en"],
    [{ LC_ALL: "C", LANG: "es_ES.UTF-8" }, "es-ES", "en"],
    [{ LC_MESSAGES: "es_MX", LANG: "en_GB" }, "en-US", "es"],
    [{ LANGUAGE: "es:en" }, "en-US", "es"],
    [{ LANG: "" }, "es-AR", "es"],
    [{}, "es", "es"],
    [{}, "et-EE", "en"],
    [{ LANG: "est_EE" }, "es-ES", "en"],
  ] as const)("of %o on a system in %s is %s", (environment, locale, language) => {
    expect(languageOf(environment, locale)).toBe(language);
  });
});

describe("formats", () => {
  it("writes sizes, times and numbers as each language does", () => {
    const [en, es] = [formats("en"), formats("es")];
    expect([en.bytes(0), en.bytes(582_400_000), en.bytes(1_500_000_000)]).toEqual([
      "0 B",
      "582 MB",
      "1.5 GB",
    ]);
    expect([es.bytes(582_400_000), es.bytes(1_500_000_000)]).toEqual(["582 MB", "1,5 GB"]);
    expect(en.bytes(999_700)).toBe("1 MB");
    expect([en.percent(0.417), es.percent(0.417)]).toEqual(["42%", "42 %"]);
    expect([en.duration(4.21), en.duration(75), en.duration(7384), en.duration(90_000)]).toEqual([
      "4.2s",
      "1m 15s",
      "2h 3m",
      "1d 1h",
    ]);
    expect([es.duration(4.21), es.duration(75), es.duration(7384)]).toEqual([
      "4,2 s",
      "1 min 15 s",
      "2 h 3 min",
    ]);
    expect([en.clock(59.7), en.clock(200), en.clock(7384)]).toEqual(["01:00", "03:20", "2:03:04"]);
    expect([en.decimal(-1.2345, 3), es.decimal(-1.2345, 3)]).toEqual(["-1.235", "-1,235"]);
  });

  it("uses plain spaces alone", () => {
    const es = formats("es");
    const all = [es.percent(0.5), es.bytes(5e6), es.duration(75), es.moment("2025-11-06T15:30:45Z")];
    expect(all.join("")).not.toMatch(/[^\S ]/u);
  });
});

describe("what was thrown, as data", () => {
  it("is told as its sentence when it is one of ours, and in its own words otherwise, whatever they look like", () => {
    const { errors } = textsOf("es");
    const error = new GuardapesosError("DISK_FULL", examples.DISK_FULL);
    expect(failureText(errors, failureOf(error))).toBe(sentenceOf(textsOf("es"), error));
    const told = JSON.parse(JSON.stringify(failureOf(error))) as Failure;
    expect(failureText(errors, told)).toBe(sentenceOf(textsOf("es"), error));
    expect(failureText(errors, failureOf(new Error("EIO: i/o error, write")))).toBe("EIO: i/o error, write");
    expect(failureText(errors, failureOf(new Error(error.message)))).toBe(error.message);
    const unknown = { code: "NO_SUCH_CODE", data: {}, message: "of a newer version" };
    expect(failureText(errors, unknown as unknown as Failure)).toBe("of a newer version");
  });
});

/** One example of every warning; the type makes it complete. */
const warnings: { readonly [Code in WarningCode]: WarningData[Code] } = {
  THREADS_DIFFER: { before: 2, now: 4 },
  DEVICE_DIFFERS: { before: "cuda", now: "cpu" },
  ARITHMETIC_DIFFERS: { before: 1, now: 2 },
  DATA_DIFFERS: { before: 24, now: 12 },
  START_IGNORED: { wanted: 64, resolution: 16 },
  HALF_IMITATED: { device: "cpu" },
  PLAN_ALREADY_FINISHED: { id: "7-auto" },
  NO_OPTIMIZER_STATE: { id: "g.pth, c.pth", networks: ["critic"] },
  OPTIMIZER_NOT_ADAM: { optimizers: [{ network: "critic", kind: undefined }] },
  OPTIMIZER_UNCLEAR: { networks: ["generator", "critic"] },
  OPTIMIZER_OPTIONS_DIFFER: { options: [{ network: "critic", name: "eps", there: 1e-6, here: 1e-8 }] },
  LEARNING_RATE_TAKEN: { learningRate: 0.00001 },
  RESOLUTION_UNKNOWN: { start: 4 },
  SAMPLES_NOT_WRITTEN: failureOf(
    new GuardapesosError("OUTPUT_NOT_WRITABLE", { path: "a.png", reason: "EIO" }),
  ),
  IMAGES_NOT_CACHED: { folders: ["/tmp"], reason: "full", detail: "" },
  WEIGHTS_UNCHANGED: { id: "7-auto" },
  WAITING_FOR_FOLDER: { purpose: "prune", pid: 7 },
  STATE_TAKEN_UP: { id: "7-auto" },
  STATE_NOT_UNDERSTOOD: { file: "/dev/shm/a" },
  FILE_MOVED_ASIDE: { path: "OLD_a.pth" },
  NO_HARD_LINKS: { folder: "weights" },
  CHECKPOINT_DAMAGED: examples.CHECKPOINT_DAMAGED,
  SAVED_ELSEWHERE: { folder: "/home/a/weights" },
  SAVED_IN_MEMORY: { folder: "/dev/shm/a" },
  ROOM_MADE: { ids: ["1-auto", "2-auto"] },
  DISK_FILLING: { savesLeft: 1 },
  WEIGHTS_NOT_FINITE: { id: "7-auto", values: 3 },
};
const saidOf = (language: Language, code: WarningCode): string =>
  textsOf(language).events.warning(warning(code, warnings[code])).join("\n");

it.each(Object.keys(warnings) as WarningCode[])("warns of %s in a sentence of each language", (code) => {
  const [english, spanish] = [saidOf("en", code), saidOf("es", code)];
  expect(english).not.toBe(spanish);
  for (const said of [english, spanish]) expect(said).not.toMatch(/undefined|\[object|[A-Z]+_[A-Z]+ \{/);
  // The words of data are nobody's language.
  expect(spanish).not.toMatch(/\b(critic(?!\.pth)|generator|prune|full)\b/);
});

it("says in each language why something beside a checkpoint failed, and in the system's words what it does not know", () => {
  const problem = {
    what: "removal",
    name: "7-auto",
    detail: "ENOSPC: no space left on device, unlink",
  } as const;
  const say = (language: Language, errno: string | undefined): string =>
    textsOf(language)
      .events["store-problem"]({ type: "store-problem", ...problem, errno })
      .join();
  expect(say("es", "ENOSPC")).toContain("(el disco está lleno, ENOSPC)");
  expect(say("en", "ENOSPC")).toContain("(the disk is full, ENOSPC)");
  for (const errno of [undefined, "EWHATEVER"]) expect(say("es", errno)).toContain(`(${problem.detail})`);
});

it("says each reason for which images are not kept in words of its own", () => {
  const reasons = ["full", "changed", "no-disk", "system"] as const;
  for (const language of ["en", "es"] as const) {
    const said = reasons.map((reason) =>
      textsOf(language).events.warning(
        warning("IMAGES_NOT_CACHED", { folders: ["/tmp"], reason, detail: "EIO" }),
      ),
    );
    expect(new Set(said.map(String)).size).toBe(reasons.length);
  }
});
