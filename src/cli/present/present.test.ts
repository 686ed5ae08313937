import { readFileSync } from "node:fs";
import { PassThrough, Writable } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { failureOf, GuardapesosError } from "../../base/errors.js";
import { textsOf } from "../../texts/index.js";
import type { RunEvent, RunEventOf } from "../../events/event.js";
import { warning } from "../../events/warning.js";
import { createOutput } from "../output.js";
import { jsonListener } from "./json.js";
import { placeOf, progressLines, styled } from "./lines.js";
import { createPlainPresenter, plainInterval } from "./plain.js";
import { createTerminalPresenter } from "./terminal.js";

const es = textsOf("es");
const position = { step: 500, batches: 500, resolution: 64, epoch: 2, batch: 500, alpha: 0.35 };

function step(change: Partial<RunEventOf<"stepped">> = {}): RunEventOf<"stepped"> {
  return {
    type: "stepped",
    ...position,
    criticLoss: -1.2344,
    generatorLoss: 0.5321,
    gradientPenalty: 0.0123,
    realScore: 1,
    fakeScore: -1,
    epochs: 20,
    batchesPerEpoch: 1200,
    imagesPerSecond: 35.25,
    epochSecondsLeft: 200,
    planSecondsLeft: 9000,
    waitedForImages: 0,
    saveAge: 40,
    temperature: 71,
    ...change,
  };
}

const saved: RunEventOf<"saved"> = {
  type: "saved",
  id: "00000500-auto-20251106_153045",
  kind: "auto",
  reason: "500 batches",
  files: [
    { path: "weights/generator_DRUSEN_local.pth", bytes: 231e6 },
    { path: "weights/critic_DRUSEN_local.pth", bytes: 230e6 },
  ],
  folder: "weights/checkpoints/00000500-auto-20251106_153045",
  bytes: 461e6,
  seconds: 1.23,
  position,
  nonFinite: 0,
  savesLeft: undefined,
};
const saving: RunEvent = { type: "save-started", kind: "auto", reason: "500 batches", batches: 500 };
const ctrlC: RunEvent = { type: "stop-requested", signal: "SIGINT", times: 1, saving: false };
const stopped: RunEvent = {
  type: "ended",
  how: "stopped",
  signal: "SIGINT",
  position,
  seconds: 100,
  files: saved.files,
  preview: undefined,
  nonFinite: 0,
  resumeCommand: "npx guardapesos entrenar",
  batchesLost: 0,
  code: undefined,
};

interface Surroundings {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly environment?: Record<string, string>;
}

function outputTo({ isTTY = false, columns = 200, environment = { NO_COLOR: "1" } }: Surroundings = {}) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns });
  const output = createOutput(
    stream as unknown as NodeJS.WriteStream,
    new PassThrough() as unknown as NodeJS.WriteStream,
    { environment, platform: "linux" },
  );
  return { output, stream, text: () => (stream.read() as Buffer | null)?.toString() ?? "" };
}

/** What a terminal shows after all of it: cursor movements and clearing done. */
function screenOf(text: string): string[] {
  const lines: string[] = [""];
  let [x, y] = [0, 0];
  // eslint-disable-next-line no-control-regex -- the terminal's own language
  for (const [part, count, letter] of text.matchAll(/\u001b\[\??(\d*)([A-Za-z])|[\s\S]/gu)) {
    const line = lines[y] ?? "";
    if (letter === undefined) {
      if (part === "\n") {
        [x, y] = [0, y + 1];
        if (lines.length <= y) lines.push("");
      } else if (part === "\r") {
        x = 0;
      } else {
        lines[y] = line.slice(0, x).padEnd(x) + part + line.slice(x + part.length);
        x += part.length;
      }
    } else if (letter === "A") y = Math.max(0, y - Number(count || 1));
    else if (letter === "B") y += Number(count || 1);
    else if (letter === "G") x = Number(count || 1) - 1;
    else if (letter === "K") lines[y] = count === "2" ? "" : line.slice(0, x);
    else if (letter === "J") {
      lines[y] = line.slice(0, x);
      lines.length = y + 1;
    } else if (letter !== "m") throw new Error(`the screen does not know ${letter}`);
  }
  return lines.map((line) => line.trimEnd()).filter((line, i) => line !== "" || i < lines.length - 1);
}

describe("the progress line", () => {
  const options = { elapsed: 0, width: 200, symbols: true };

  it("has everything, in the order of the seed page", () => {
    const [line, ...rest] = progressLines(es, step(), options);
    expect(rest).toEqual([]);
    expect(line).toBe(
      `64x64 · época 3/20 · Batch 500/1200:  42 %|${"█".repeat(13)}${" ".repeat(17)}| faltan 03:20 · D -1,234 · G 0,532 · GP 0,012 · alfa 0,350 · 35,3 img/s · 71 °C · guardado hace 40 s`,
    );
  });

  it("never goes beyond the terminal's width, and keeps what matters at 80 columns", () => {
    for (let width = 20; width < 200; width++) {
      for (const line of progressLines(es, step(), { ...options, width }))
        expect(line.length).toBeLessThan(width);
    }
    const lines = progressLines(es, step(), { ...options, width: 80 });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/42 %\|█+ +\| faltan 03:20$/);
    expect(lines[1]).toBe("  D -1,234 · G 0,532 · alfa 0,350 · 35,3 img/s · 71 °C · guardado hace 40 s");
  });

  it("lets age and time left go on between steps", () => {
    const [line] = progressLines(es, step(), { ...options, elapsed: 25 });
    expect(line).toContain("faltan 02:55");
    expect(line).toContain("guardado hace 1 min 5 s");
  });

  it("leaves an unknown temperature out, and says when nothing was saved yet", () => {
    const [line] = progressLines(es, step({ temperature: undefined, saveAge: undefined }), options);
    expect(line).not.toContain("°C");
    expect(line).toContain("aún sin guardar");
    const [lost] = progressLines(es, step({ temperature: undefined, temperatureLost: true }), options);
    expect(lost).toContain("· ? °C ·");
  });

  it("counts epochs as people do, also at the very end of one", () => {
    expect(placeOf(step({ epoch: 0, batch: 1 }))).toMatchObject({ epoch: 1, batch: 1 });
    expect(placeOf(step({ epoch: 2, batch: 1200 }))).toMatchObject({ epoch: 3, batch: 1200, share: 1 });
    expect(placeOf(step({ epoch: 3, batch: 0 }))).toMatchObject({ epoch: 3, batch: 1200, share: 1 });
    expect(placeOf(step({ epoch: 20, batch: 0 }))).toMatchObject({ epoch: 20, batch: 1200 });
  });
});

describe("style", () => {
  it("shows emoji only where the terminal can", () => {
    const shown = (surroundings: Surroundings) =>
      styled("✅ Checkpoint guardado", outputTo(surroundings).output);
    expect(shown({ isTTY: true })).toBe("✅ Checkpoint guardado");
    expect(shown({ isTTY: false })).toBe("Checkpoint guardado");
    expect(shown({ isTTY: true, environment: { TERM: "linux", NO_COLOR: "1" } })).toBe("Checkpoint guardado");
  });

  it("takes a terminal that moves no cursor for a pipe", () => {
    const { output } = outputTo({ isTTY: true, environment: { TERM: "dumb" } });
    expect([output.isTerminal, output.symbols]).toEqual([false, false]);
  });

  it("colours a terminal's lines, unless NO_COLOR is set", () => {
    const shown = (environment: Record<string, string>) =>
      styled("✅ Checkpoint guardado", outputTo({ isTTY: true, environment }).output);
    expect(shown({})).toBe("\u001b[32m✅ Checkpoint guardado\u001b[39m");
    expect(shown({ NO_COLOR: "1" })).toBe("✅ Checkpoint guardado");
  });
});

describe("a line without emoji", () => {
  it.each([
    ["✅ whole", "whole"],
    ["   🔧 weights ☀/a.pth", "   weights ☀/a.pth"],
    ["🖼 pesos 🐱/datos©2026/modelo✔ ™.pth", "pesos 🐱/datos©2026/modelo✔ ™.pth"],
    ["⚠️ two", "two"],
    ['   npx guardapesos train --weights "pesos 🐱"', '   npx guardapesos train --weights "pesos 🐱"'],
    ["✔.weight  float32", "✔.weight  float32"],
    ["🐱/x.png", "🐱/x.png"],
  ])("loses only its own: %s", (line, shown) => {
    expect(styled(line, outputTo().output)).toBe(shown);
  });

  it("has no mark that is not known: every line of the catalogues", () => {
    const files = ["en", "es"].flatMap((language) =>
      ["", "-events", "-heat", "-help", "-plan", "-store"].map((part) => `${language}${part}.ts`),
    );
    for (const file of files) {
      const source = readFileSync(new URL(`../../texts/${file}`, import.meta.url), "utf8");
      for (const [, mark] of source.matchAll(/[`"] *((?![©®™])\p{Extended_Pictographic}\uFE0F?) /gu))
        expect([file, styled(`${mark!} x`, outputTo().output)]).toEqual([file, "x"]);
    }
  });
});

describe("plain lines", () => {
  it("have no control codes and no emoji, and progress only now and then and at an epoch's end", () => {
    const { output, text } = outputTo();
    let now = 0;
    const { emit } = createPlainPresenter(output, es, () => now);
    emit(step({ batch: 1 }));
    now += plainInterval - 1;
    emit(step({ batch: 2 }));
    now += 1;
    emit(step({ batch: 3 }));
    emit(step({ batch: 1200 }));
    emit(saving);
    emit(saved);
    emit(ctrlC);
    emit(stopped);
    const written = text();
    // eslint-disable-next-line no-control-regex -- what must not be there
    expect(written).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]|\p{Extended_Pictographic}/u);
    const lines = written.split("\n");
    expect(
      lines.filter((line) => line.startsWith("64x64")).map((line) => /Batch (\d+)/.exec(line)![1]),
    ).toEqual(["1", "3", "1200"]);
    expect(lines).toEqual(
      expect.arrayContaining([
        "Auto-guardando checkpoint en batch 500...",
        "=> Guardando checkpoint: weights/generator_DRUSEN_local.pth",
        "Checkpoint guardado y verificado (461 MB, 1,2 s)",
        "¡Ctrl+C detectado! Guardando pesos antes de salir...",
        "   npx guardapesos entrenar",
      ]),
    );
  });

  it("name a few images that cannot be used, then how many there are, and why", () => {
    const { output, text } = outputTo();
    const { emit } = createPlainPresenter(output, es);
    const problem = { problem: "dicom" } as const;
    const fault = { reason: new GuardapesosError("IMAGE_NOT_READ", problem).message, problem };
    for (let i = 0; i < 3000; i++) emit({ type: "image-skipped", path: `${i}.jpg`, ...fault });
    emit({ type: "image-skipped", path: "a.tif", reason: "broken", page: 3 });
    emit({ type: "images-unusable", unusable: 3001, images: 7, reasons: [{ ...fault, count: 3000 }] });
    const written = text();
    expect(written.split("\n")).toHaveLength(5 + 2 + 1);
    expect(written).toContain("0.jpg (es un archivo DICOM: expórtalo");
    expect(written).toContain("3001 de 3008 imágenes");
  });

  it("tell why a save failed in the reader's language", () => {
    const { output, text } = outputTo();
    const error = new GuardapesosError("DISK_FULL", { folder: "weights", needed: 5e8, free: 1e6 });
    createPlainPresenter(output, es).emit({
      type: "save-failed",
      kind: "auto",
      ...failureOf(error),
      failures: 2,
      retrySeconds: 10,
    });
    const told = text();
    expect(told).toContain("El disco de weights está lleno: un checkpoint necesita 500 MB y quedan 1 MB.");
    expect(told).toContain("Ya son 2 guardados seguidos que fallan.");
    expect(told).toMatch(/El entrenamiento continúa.* Otro intento en 10 s\./);
  });

  it("never say that training goes on when it ends with the save that failed", () => {
    for (const texts of [es, textsOf("en")]) {
      const { output, text } = outputTo();
      const facts = { kind: "manual", code: undefined, message: "EIO", failures: 1 } as const;
      createPlainPresenter(output, texts).emit({ type: "save-failed", ...facts, retrySeconds: undefined });
      expect(text()).not.toMatch(/continúa|goes on/);
    }
  });

  it("tell why the backup of the day failed in the reader's language", () => {
    const { output, text } = outputTo();
    const error = new GuardapesosError("DISK_FULL", { folder: "weights/backups", needed: 5e8, free: 1e6 });
    createPlainPresenter(output, es).emit({
      type: "backup-failed",
      ...failureOf(error),
      retrySeconds: 3600,
    });
    expect(text()).toContain("El disco de weights/backups está lleno");
  });
});

describe("JSON lines", () => {
  it("are the events themselves with their moment, number and run, one per line", () => {
    const { output, text } = outputTo();
    const { event: tell } = jsonListener(output);
    const envelope = { run: "5f", seq: 7, at: "2025-11-06T15:30:45.000Z" };
    void tell({ envelope, event: saved });
    void tell({ envelope: { ...envelope, seq: 8 }, event: step() });
    const [first, second, end] = text().split("\n");
    expect(JSON.parse(first!)).toEqual({ ...envelope, ...saved });
    expect(JSON.parse(second!)).toMatchObject({ seq: 8, ...step() });
    expect(end).toBe("");
  });

  it("leave progress out while their reader takes nothing, in bounded memory, and never a save or the end", () => {
    const given: string[] = [];
    const stuck = new Writable({ highWaterMark: 1, decodeStrings: false, write: () => undefined });
    const write = stuck.write.bind(stuck);
    stuck.write = ((line: string) => {
      if (line !== "") given.push(line.slice(0, 40));
      return write(line);
    }) as typeof stuck.write;
    const stream = Object.assign(stuck, { isTTY: false }) as unknown as NodeJS.WriteStream;
    const output = createOutput(stream, new PassThrough() as unknown as NodeJS.WriteStream, {
      environment: {},
      platform: "linux",
    });
    const { event: tell } = jsonListener(output);
    const envelope = { run: "5f", seq: 7, at: "2025-11-06T15:30:45.000Z" };
    for (let i = 0; i < 30_000; i++) void tell({ envelope, event: step() });
    const full = given.length;
    expect(full).toBeLessThan(30_000);
    expect(output.backlog()).toBeLessThan(2 ** 23 + 1000);
    void tell({ envelope, event: saved });
    expect(given.slice(full)).toEqual([expect.stringContaining('"saved"')]);
    for (let i = 0; i < 80_000; i++) void tell({ envelope, event: { ...saved, reason: "x".repeat(1000) } });
    expect(output.backlog()).toBeLessThan(2 ** 26 + 2000);
    void tell({ envelope, event: stopped });
    expect(given.at(-1)).toContain('"ended"');
  });
});

describe("a terminal", () => {
  afterEach(() => vi.useRealTimers());

  it.each([80, 200])("%i columns wide keeps one progress line per epoch below what is said", (columns) => {
    vi.useFakeTimers();
    const { output, text } = outputTo({ isTTY: true, columns });
    const presenter = createTerminalPresenter(output, es, () => Date.now());
    presenter.emit({ type: "images-loading", done: 1, total: 38, resolution: 64 });
    vi.advanceTimersByTime(500);
    presenter.emit({ type: "images-loading", done: 38, total: 38, resolution: 64 });
    for (let batch = 1; batch <= 1200; batch++) {
      presenter.emit(step({ batch }));
      if (batch % 100 === 0) vi.advanceTimersByTime(300);
      if (batch === 500) {
        presenter.emit(saving);
        presenter.emit(saved);
      }
    }
    presenter.emit({ type: "epoch-finished", ...position, epoch: 3, batch: 0, seconds: 3, epochs: 20 });
    presenter.emit(step({ epoch: 3, batch: 7 }));
    vi.advanceTimersByTime(300);
    presenter.emit(ctrlC);
    presenter.emit(step({ epoch: 3, batch: 8 }));
    presenter.emit(stopped);
    presenter.close();

    const lines = screenOf(text());
    const firstEpoch = lines.findIndex((line) => line.includes("Batch 1200/1200"));
    expect(lines.slice(0, firstEpoch)).toEqual([
      "💾 Auto-guardando checkpoint en batch 500...",
      "=> Guardando checkpoint: weights/generator_DRUSEN_local.pth",
      "=> Guardando checkpoint: weights/critic_DRUSEN_local.pth",
      "✅ Checkpoint guardado y verificado (461 MB, 1,2 s)",
    ]);
    expect(
      lines.filter((line) => line.includes("Batch ")).map((line) => /Batch (\d+)/.exec(line)![1]),
    ).toEqual(["1200", "7"]);
    const caught = lines.indexOf("🛑 ¡Ctrl+C detectado! Guardando pesos antes de salir...");
    expect(lines[caught - 1]).toBe("=".repeat(60));
    expect(lines.slice(caught + 1)).toEqual([
      "=".repeat(60),
      "✅ Pesos guardados exitosamente:",
      "    weights/generator_DRUSEN_local.pth (231 MB)",
      "    weights/critic_DRUSEN_local.pth (230 MB)",
      "   Trabajo perdido: nada.",
      "",
      "💡 Para reanudar exactamente donde quedó:",
      "   npx guardapesos entrenar",
      "=".repeat(60),
      "",
      "👋 Saliendo...",
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts a cool-down down in one line, which goes when it is over", () => {
    vi.useFakeTimers();
    const { output, text } = outputTo({ isTTY: true, columns: 80 });
    const presenter = createTerminalPresenter(output, es, () => Date.now());
    const hot = { code: "hot", temperature: 83, threshold: 82 } as const;
    const cooled = { code: "cooled", temperature: 65, threshold: 70 } as const;
    const cooling = (temperature: number | undefined, secondsLeft: number): void =>
      presenter.emit({ type: "cooling", temperature, resumeAt: 70, secondsLeft });
    presenter.emit({ type: "heat", from: "pace", to: "cool", reason: hot });
    for (let left = 600; left > 580; left--) {
      cooling(left > 590 ? 75 : undefined, left);
      vi.advanceTimersByTime(1000);
    }
    const during = text();
    expect(screenOf(during)).toEqual([
      "🔥 La tarjeta está a 83 °C, y el límite es 82 °C. Se guardan los pesos y después se enfría.",
      "❄ Enfriando: temperatura desconocida · faltan al menos 09:41 · sigue a 70 °C",
    ]);
    cooling(75, 0);
    presenter.emit({ type: "heat", from: "cool", to: "watch", reason: cooled });
    presenter.close();
    expect(screenOf(during + text())).toEqual([
      "🔥 La tarjeta está a 83 °C, y el límite es 82 °C. Se guardan los pesos y después se enfría.",
      "✅ La tarjeta se ha enfriado hasta 65 °C: el entrenamiento sigue.",
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("goes on when it is closed, silently", () => {
    const { output, stream } = outputTo({ isTTY: true });
    const presenter = createTerminalPresenter(output, es);
    presenter.emit(step());
    stream.emit("error", Object.assign(new Error("write EIO"), { code: "EIO" }));
    const written = vi.spyOn(stream, "write");
    presenter.emit(ctrlC);
    presenter.emit(stopped);
    presenter.close();
    expect(written.mock.calls.map(([text]) => String(text)).join("")).not.toContain("Ctrl+C");
  });
});

describe("what comes from files, names and other computers", () => {
  const hostile = "x\u001b]0;PWNED\u0007\u001b[31m\u009b1m\nforged line\r\u202egnp.\u2066";
  const obeyed =
    // eslint-disable-next-line no-control-regex -- what must not be there
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
  const events: readonly RunEvent[] = [
    { type: "image-skipped", path: hostile, reason: hostile },
    warning("DEVICE_DIFFERS", { before: hostile, now: "cpu" }),
    warning("CHECKPOINT_DAMAGED", { id: hostile, file: hostile, reason: "renamed", other: hostile }),
    { type: "save-failed", kind: "auto", ...failureOf(new Error(hostile)), failures: 1, retrySeconds: 1 },
    { type: "store-problem", what: "removal", name: hostile, detail: hostile },
    { ...saved, files: [{ path: hostile, bytes: 1 }] },
  ];

  it("reaches a pipe, a log and a program without anything that a terminal obeys, each event's lines its own", () => {
    const { output, text } = outputTo();
    const presenter = createPlainPresenter(output, es);
    for (const event of events) presenter.emit(event);
    const shown = text();
    expect(shown).not.toMatch(obeyed);
    expect(shown).not.toMatch(/^forged/m);
    expect(shown).toContain("\\u001b]0;PWNED\\u0007");

    const envelope = { run: "5f", seq: 7, at: "2025-11-06T15:30:45.000Z" };
    for (const event of events) void jsonListener(output).event({ envelope, event });
    const lines = text().trimEnd();
    expect(lines).not.toMatch(obeyed);
    expect(lines.split("\n").map((line) => JSON.parse(line) as unknown)).toMatchObject(
      events.map((event) => JSON.parse(JSON.stringify(event)) as object),
    );
  });

  it("reaches a terminal with the program's own colours alone, beside a live line too", () => {
    const { output, text } = outputTo({ isTTY: true, environment: { TERM: "xterm" } });
    const presenter = createTerminalPresenter(output, es);
    for (const event of events) presenter.emit(event);
    presenter.emit(step());
    for (const event of events) presenter.emit(event);
    presenter.close();
    // eslint-disable-next-line no-control-regex -- what the program itself writes
    const rest = text().replace(/\u001b\[\??[\d;]*[A-Za-z]|\r/gu, "");
    expect(rest).not.toMatch(obeyed);
    expect(rest).not.toMatch(/^forged/m);
  });

  it("may be an error whose words only look like one of ours", () => {
    const { output, text } = outputTo();
    const words = 'DISK_FULL {"folder":"weights","needed":1,"free":2}';
    createPlainPresenter(output, es).emit({
      type: "save-failed",
      kind: "auto",
      ...failureOf(new Error(words)),
      failures: 1,
      retrySeconds: 1,
    });
    expect(text()).toContain(words);
  });
});
