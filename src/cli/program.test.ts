import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { defaultThresholds } from "../thermal/thresholds.js";
import { GuardapesosError } from "../base/errors.js";
import type { RunEventOf } from "../events/event.js";
import type { RunOptions } from "../training/options.js";
import { runProgram } from "./main.js";
import { createOutput } from "./output.js";
import type { Services } from "./services.js";

const ended: RunEventOf<"ended"> = {
  type: "ended",
  how: "finished",
  signal: undefined,
  position: undefined,
  seconds: 1,
  files: [],
  preview: undefined,
  nonFinite: 0,
  resumeCommand: undefined,
  batchesLost: 0,
  code: undefined,
};

interface Called {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  readonly options: RunOptions | undefined;
}

/** Runs one command line in a folder, with a training that ends as told. */
async function call(
  line: string,
  {
    folder = "/nowhere",
    lang = "en_US.UTF-8",
    end = () => Promise.resolve(ended),
  }: { folder?: string; lang?: string; end?: () => Promise<RunEventOf<"ended">> } = {},
): Promise<Called> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let options: RunOptions | undefined;
  const services = {
    training: () =>
      Promise.resolve({
        run: (asked: RunOptions) => {
          options = asked;
          return end();
        },
        createStop: () => ({ request: () => undefined }),
      }),
  } as unknown as Services;
  const output = createOutput(
    stdout as unknown as NodeJS.WriteStream,
    stderr as unknown as NodeJS.WriteStream,
    { environment: {}, platform: "linux" },
  );
  const { exitCode } = await runProgram(line === "" ? [] : line.split(" "), output, {
    environment: { LANG: lang },
    locale: "en-US",
    folder,
    version: "1.2.3",
    services,
  });
  const text = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? "";
  return { exitCode, out: text(stdout), err: text(stderr), options };
}

async function folderWith(config: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "guardapesos-"));
  await writeFile(join(folder, "guardapesos.config.json"), JSON.stringify(config));
  return folder;
}

describe("the command line", () => {
  it("shows its help and version, and that is no fault", async () => {
    for (const line of ["--help", "help", "ayuda", ""]) {
      const { exitCode, out, err } = await call(line);
      expect(exitCode, line).toBe(0);
      expect(out, line).toContain("Usage: guardapesos [command] [options]");
      expect(out, line).toContain("train | entrenar");
      expect(err, line).toBe("");
    }
    expect(await call("--version")).toMatchObject({ exitCode: 0, out: "1.2.3\n", err: "" });
  });

  it("makes no folder of what means another place, and says how one of that name is written", async () => {
    const folder = await folderWith({ weights: "rclone:far:x" });
    const lines = ["backup s3://b/x", "respaldar rclone:far:x", "train --weights s3://b", "restore s3://b/1"];
    for (const line of [
      ...lines,
      "train --samples sftp://h/x",
      "generate --out s3://b",
      "list --weights S3:b",
    ]) {
      const { exitCode, err, options } = await call(`${line} --lang es`);
      expect(exitCode, line).toBe(64);
      expect(err, line).toMatch(/no es una carpeta de este ordenador.*\.\/(?:s3|rclone|sftp):/i);
      expect(options, line).toBeUndefined();
    }
    expect((await call("train", { folder })).err).toContain("rclone:far:x is no folder of this machine");
    expect((await call("train --weights ./s3:x")).options?.weights).toBe("./s3:x");
  });

  it.each([
    "--help",
    "train --help --lang es",
    "ayuda entrenar",
    ...[
      ...["entrenar", "generar", "listar", "verificar", "conservar", "limpiar", "respaldar", "restaurar"],
      ...["estadisticas", "diagnosticar", "inspeccionar", "convertir"],
    ].map((name) => `${name} --help`),
  ])("leaves no English in the Spanish help of %s", async (line) => {
    const { out, exitCode } = await call(line, { lang: "es_ES.UTF-8" });
    expect(exitCode).toBe(0);
    expect(out).toContain("Uso: guardapesos");
    expect(out).toContain("Opciones:");
    expect(out).toContain("muestra esta ayuda");
    const english =
      /\b(usage|options?|commands?|arguments?|display|default|show|help for|the|of|and|images|folder|version)\b/i;
    // "--help" and the like are names, not words.
    const words = out.replace(/--?[a-z][a-z-]*/g, "").replace(/guardapesos.config.json/g, "");
    expect(words).not.toMatch(english);
  });

  it("shows every option of training in both languages", async () => {
    const [en, es] = [await call("train --help"), await call("train --help --lang es")];
    const flags = (text: string) =>
      [...text.matchAll(/^ {2}(?:-., )?(--[a-z-]+)/gm)].map((match) => match[1]);
    expect(flags(en.out)).toEqual(flags(es.out));
    const wanted =
      "data class weights name preset latent channels image-channels start end epochs batch-sizes accumulate lr seed autosave keep-every backups max-batches device threads samples phantoms lang json fresh resume config";
    expect(flags(en.out)).toEqual(expect.arrayContaining(wanted.split(" ").map((flag) => `--${flag}`)));
  });

  it("hands training only what was given, under either name of the command", async () => {
    const line =
      "--data scans --class DRUSEN --end 64 --batch-sizes 8 --epochs 1,2,3,4,5,6,7,8,9 --lr 0.002 --max-batches 7";
    for (const command of ["train", "entrenar"]) {
      const { options, exitCode, err } = await call(`${command} ${line}`);
      expect(err).toBe("");
      expect(exitCode).toBe(0);
      expect(options).toEqual({
        preset: undefined,
        overrides: {
          end: 64,
          batchSizes: [8, 8, 8, 8, 8, 8, 8, 8, 8],
          epochs: [1, 2, 3, 4, 5, 6, 7, 8, 9],
          learningRate: 0.002,
        },
        data: "scans",
        className: "DRUSEN",
        weights: "weights",
        name: "local",
        samples: "samples",
        device: undefined,
        threads: undefined,
        maxBatches: 7,
        keepEvery: 0,
        backups: 7,
        heat: { sensor: { kind: "auto" }, thresholds: defaultThresholds, timeScale: 1 },
        fresh: false,
        resume: undefined,
        command: `${command} ${line}`.split(" "),
      });
    }
  });

  it("hands heat on as it was asked for", async () => {
    const { options } = await call(
      "train --sensor simulated:model@35 --cool-at 72 --cool-minutes 0.5 --after-critical cool --time-scale 60 --full-batches",
    );
    expect(options).toMatchObject({
      overrides: { batchDivisor: 1 },
      heat: {
        sensor: { kind: "model", ambient: 35 },
        thresholds: { warnAt: 68, coolAt: 72, stopAt: 85, coolMinutes: 0.5, afterCritical: "cool" },
        timeScale: 60,
      },
    });
    const { options: other } = await call("train --sensor nvml:1");
    expect(other).toMatchObject({ heat: { sensor: { kind: "nvml", index: 1 } } });
  });

  it.each([
    ["trian", 64, /no command trian.*train/],
    ["entrena", 64, /no command entrena.*entrenar/],
    ["--nonsense", 64, /no option --nonsense/],
    ["train --epoch 3", 64, /no option --epoch\. Did you mean --epochs/],
    ["train --batchsizes=3", 64, /no option --batchsizes\. Did you mean --batch-sizes/],
    ["train --lr", 64, /--lr needs a value/],
    ["train DRUSEN", 64, /"DRUSEN"/],
    ["train --sensor gpu", 64, /--sensor takes auto, none, nvml.*"gpu"/],
    ["train --cool-at 20", 64, /--cool-at takes a whole number from 30 to 120/],
    ["train --warn-at 83 --cool-at 80", 64, /--warn-at \(83 °C\) must be below --cool-at \(80 °C\)/],
    [
      "train --stop-at-temp 80 --cool-at 82",
      64,
      /--cool-at \(82 °C\) must be below --stop-at-temp \(80 °C\)/,
    ],
    ["train --after-critical sleep", 64, /stop or cool/],
    ["train --time-scale 60", 64, /--time-scale says nothing without --sensor simulated/],
    ["train --time-scale 60 --sensor nvml", 64, /--sensor simulated/],
    ["train --lr 0", 64, /--lr takes a number greater than 0.*"0"/],
    ["train --lr fast", 64, /"fast"/],
    ["train --autosave 0", 64, /--autosave takes batches \(500\), minutes \(10m\), or auto; "0"/],
    ["train --autosave 10h", 64, /"10h"/],
    ["train --backups -1", 64, /--backups takes a whole number/],
    ["train --seed -1", 64, /--seed takes a whole number of at least 0.*"-1"/],
    ["train --seed 1.5", 64, /"1.5"/],
    ["train --latent 0", 64, /--latent/],
    ["train --image-channels 2", 64, /--image-channels takes 1 or 3/],
    ["train --start 5", 64, /--start takes a resolution that is a power of two/],
    ["train --end 2048", 64, /--end takes a resolution/],
    ["train --start 64 --end 32", 64, /64x64 .* 32x32/],
    ["train --batch-sizes 1,2,3", 64, /exactly 9.*given 3/],
    ["train --batch-sizes 1,2,3,4,5,6,7,8,x", 64, /--batch-sizes takes/],
    ["train --epochs 1,2", 64, /--epochs takes one whole number/],
    ["train --preset demmo", 64, /no preset "demmo".*demo/],
    ["train --device tpu", 64, /--device takes auto, cpu/],
    ["train --lang fr", 64, /--lang takes en or es/],
    ["train --name a/b", 64, /--name takes at most 100 letters/],
    [`train --name ${"n".repeat(101)}`, 64, /--name takes at most 100 letters/],
    [`train --name ${"ñ".repeat(71)}`, 64, /--name takes at most 100 letters/],
    ["train --fresh --resume latest", 64, /--fresh and --resume contradict/],
    ["generate --truncation -1", 64, /--truncation takes a number from 0 to 1000/],
    [
      "monitor --sensor simulated:model --time-scale 0",
      64,
      /--time-scale takes a number from 1 to 10000, such as 60; "0"/,
    ],
    ["monitor --sensor simulated:model --time-scale 1e9", 64, /--time-scale takes a number from 1 to 10000/],
    [
      "monitor --sensor simulated:model --cool-minutes 1e300",
      64,
      /--cool-minutes takes a number from 0 to 10080/,
    ],
    ["train --stop-after 99999999999h", 64, /--stop-after takes a length of time.*at most 87600h/],
    [
      "monitor --sensor simulated:model --warn-at 90 --stop-at-temp 80",
      64,
      /--warn-at \(90 °C\) must be below --stop-at-temp \(80 °C\)/,
    ],
    ["help nothing", 64, /nothing/],
    ["help __proto__", 64, /__proto__/],
    ["constructor", 64, /constructor/],
    ["train --__proto__ 1", 64, /--__proto__/],
    ["train --preset __proto__", 64, /__proto__/],
    ["list latest", 64, /list has no use for "latest"/],
    ["inspect", 64, /missing: file/],
    ["keep", 64, /missing: ref/],
    ["prune everything", 64, /prune has no use for "everything"/],
    ["backup --daly", 64, /no option --daly\. Did you mean --daily/],
    ["limpiar --weights /nowhere/at/all", 66, /\/nowhere\/at\/all does not exist/],
    ["convert a.pth", 64, /missing: to/],
    ["convert a.pth b.npz", 64, /<to> takes \*\.pth.*"b\.npz"/],
    ["train --config missing.json", 78, /missing\.json cannot be read/],
  ])("refuses '%s' with exit code %i and one sentence", async (line, code, sentence) => {
    const { exitCode, out, err, options } = await call(line);
    expect(err).toMatch(sentence);
    expect(err.trimEnd()).not.toContain("\n");
    expect(exitCode).toBe(code);
    expect(out).toBe("");
    expect(options).toBeUndefined();
  });

  it.each([
    ["250", 250],
    ["10m", "10m"],
    ["auto", "auto"],
  ])("takes --autosave %s", async (typed, autosave) => {
    const { options } = await call(`train --autosave ${typed} --backups 0`);
    expect(options).toMatchObject({ overrides: { autosave }, backups: 0 });
  });

  it("refuses in Spanish too", async () => {
    const { err, exitCode } = await call("entrenar --epoch 3", { lang: "es_ES.UTF-8" });
    expect(err).toBe(
      "Error: No existe la opción --epoch. ¿Querías decir --epochs? Las tienes todas en --help.\n",
    );
    expect(exitCode).toBe(64);
  });

  it("takes --lang and --json before the command too", async () => {
    expect((await call("--lang es entrenar --epoch 3")).err).toContain("¿Querías decir --epochs?");
    expect((await call("--lang es --help")).out).toContain("Uso: guardapesos");
    const { out, options } = await call("--json train --seed 7");
    expect([out, options?.overrides]).toEqual(["", { seed: 7 }]);
    const folder = await folderWith({ lang: "es" });
    expect((await call("--lang en train --fresh --resume x", { folder })).err).toContain("contradict");
  });

  it("with --json tells an error as one line on standard output, and nothing else", async () => {
    for (const line of ["train --json --start 5", "--json nonsense", "train --json --nonsense"]) {
      const { out, err, exitCode } = await call(line);
      expect(out.trimEnd().split("\n"), line).toHaveLength(1);
      expect(JSON.parse(out)).toMatchObject({ type: "error", exitCode: 64 });
      expect([err, exitCode]).toEqual(["", 64]);
    }
  });

  it("calls anything else that is thrown a bug, with its stack, and exits with 70", async () => {
    const end = () => Promise.reject(new TypeError("x is not a function"));
    const plain = await call("train", { end });
    expect(plain.err).toMatch(
      /^Error: This is a bug in guardapesos.*x is not a function.*\n.*TypeError[\s\S]*at /,
    );
    expect(plain.exitCode).toBe(70);
    const json = await call("train --json", { end });
    expect(JSON.parse(json.out)).toMatchObject({ type: "error", code: "BUG", exitCode: 70 });
    expect(json.err).toMatch(/TypeError/);
  });

  it("exits with the code of what training throws, and of how it ends", async () => {
    const folder = "scans";
    const thrown = await call("train", {
      end: () => Promise.reject(new GuardapesosError("NO_IMAGES", { folder, leftOut: [] })),
    });
    expect(thrown.exitCode).toBe(66);
    const codeFor = async (how: Partial<RunEventOf<"ended">>) =>
      (await call("train", { end: () => Promise.resolve({ ...ended, ...how }) })).exitCode;
    expect(await codeFor({ how: "limit" })).toBe(0);
    expect(await codeFor({ how: "stopped", signal: "SIGINT" })).toBe(130);
    expect(await codeFor({ how: "stopped", signal: "SIGTERM" })).toBe(143);
    expect(await codeFor({ how: "stopped", signal: "SIGHUP" })).toBe(129);
    expect(await codeFor({ how: "stopped", signal: "SIGBREAK" })).toBe(149);
    expect(await codeFor({ how: "failed", code: "DISK_FULL" })).toBe(74);
    expect(await codeFor({ how: "failed" })).toBe(70);
  });
});

describe("the config file", () => {
  it("gives settings under either spelling, and the command line wins", async () => {
    const folder = await folderWith({ "batch-sizes": 4, maxBatches: 10, lr: 0.01, fresh: true, end: 32 });
    const { options, err } = await call("train --lr 0.002 --no-fresh", { folder });
    expect(err).toBe("");
    expect(options).toMatchObject({
      overrides: { batchSizes: [4, 4, 4, 4, 4, 4, 4, 4, 4], learningRate: 0.002, end: 32 },
      maxBatches: 10,
      fresh: false,
    });
  });

  it("does not make a run begin anew, or go back, when the user goes on", async () => {
    const command = async (config: object, line: string) =>
      (await call(line, { folder: await folderWith(config) })).options!.command.join(" ");
    expect(await command({ fresh: true }, "train")).toBe("train --no-fresh");
    expect(await command({ resume: "emergency" }, "train")).toBe("train --no-resume");
    expect(await command({ resume: "emergency" }, "train --resume latest")).toBe("train --resume latest");
    expect(await command({ fresh: false }, "train --fresh")).toBe("train --fresh");
    const undone = await call("train --no-resume", { folder: await folderWith({ resume: "emergency" }) });
    expect(undone.options?.resume).toBeUndefined();
  });

  it("is read from where --config says", async () => {
    const folder = await folderWith({ preset: "demo" });
    const { options } = await call(`train --config ${join(folder, "guardapesos.config.json")}`);
    expect(options?.preset).toBe("demo");
  });

  it("can choose the language and JSON", async () => {
    const folder = await folderWith({ lang: "es", json: true, "time-scale": 60 });
    const { out, exitCode } = await call("train", { folder });
    const told = JSON.parse(out) as { code: string; message: string };
    expect(told.code).toBe("OPTION_NEEDS");
    expect(told.message).toContain("no dice nada");
    expect(exitCode).toBe(64);
  });
});
