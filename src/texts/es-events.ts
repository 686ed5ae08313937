/** Lo que un entrenamiento dice en español; la forma la fija el inglés. */
import type { CheckpointKind } from "../checkpoint/index.js";
import type { RunEventOf, SavedFile } from "../events/event.js";
import type { ChildEnd } from "../events/guarded.js";
import type { EventTexts, ProgressTexts } from "./en-events.js";
import { rule } from "./en-events.js";
import { damageOf, problemOf } from "./es-damage.js";
import { formats } from "./formats.js";
import { guardEvents } from "./es-guard.js";
import { errors } from "./es-errors.js";
import { heatAdvice, heatEvents } from "./es-heat.js";
import { imageNote, imageReason } from "./es-images.js";
import { warningText } from "./es-warnings.js";
import { failureText } from "./failure.js";

const { bytes, clock, decimal, duration, integer, moment, percent } = formats("es");

const plural = (count: number, one: string, many: string): string =>
  `${integer(count)} ${count === 1 ? one : many}`;
const square = (side: number): string => `${side}x${side}`;
const fileLines = (files: readonly SavedFile[]): string[] =>
  files.map(({ path, bytes: size }) => `    ${path} (${bytes(size)})`);

const caught: Record<string, string> = {
  SIGINT: "¡Ctrl+C detectado!",
  SIGTERM: "¡Petición de terminar detectada (SIGTERM)!",
  SIGHUP: "¡Se cerró la terminal (SIGHUP)!",
  SIGBREAK: "¡Ctrl+Break detectado!",
  stop: "¡guardapesos parar pide parar!",
  time: "¡Llegó la hora de parar!",
  parent: "¡Terminó el programa que inició este!",
  bug: "¡guardapesos ha tropezado con un fallo propio!",
};

const saving: Record<CheckpointKind, (batches: number, reason: string) => string> = {
  auto: (batches) => `💾 Auto-guardando checkpoint en batch ${integer(batches)}...`,
  epoch: () => "💾 Guardando checkpoint al final de la época...",
  stage: () => "💾 Guardando checkpoint al final de la resolución...",
  emergency: (batches, reason) => `🛟 Guardado de emergencia en batch ${integer(batches)} (${reason})...`,
  manual: (batches) => `💾 Guardando checkpoint en batch ${integer(batches)}...`,
  imported: () => "💾 Guardando los pesos importados como checkpoint...",
};

const goOn = ({ resumeCommand, nonFinite, files }: RunEventOf<"ended">): string[] =>
  resumeCommand === undefined
    ? []
    : [
        nonFinite === 0
          ? "💡 Para reanudar exactamente donde quedó:"
          : files.length > 0
            ? "💡 No todos estos pesos son números. Para seguir desde los últimos buenos (añade un --lr menor):"
            : "💡 Para empezar de cero (añade un --lr menor):",
        `   ${resumeCommand}`,
      ];

/** What is safe and where, and how much is not. */
function safe(event: RunEventOf<"ended">, headline: string): string[] {
  const { files, missing = [], nonFinite, inMemory, batchesLost } = event;
  const left = inMemory
    ? [
        `💾 El estado más reciente (batch ${integer(inMemory.batches)}) sigue en memoria (${inMemory.path}). Ejecuta otra vez el mismo comando antes de apagar la máquina: es lo primero que se guarda.`,
      ]
    : [];
  const counts = event.how !== "finished" && event.how !== "limit" && batchesLost !== undefined;
  const work = counts ? [lost(batchesLost)] : [];
  if (files.length > 0) return [headline, ...fileLines(files), ...left, ...work];
  if (missing.length > 0)
    return [
      `⚠ Los últimos pesos guardados ya no están donde estaban: ${missing.join(", ")}`,
      ...left,
      ...work,
    ];
  if (nonFinite > 0) return ["⚠ Nunca se guardaron pesos cuyos valores fueran todos números."];
  return inMemory
    ? [...left, ...work]
    : ["⚠ Todavía no se había guardado ningún checkpoint, así que no hay pesos que conservar."];
}

const preview = (path: string | undefined): string[] =>
  path === undefined ? [] : [`🖼 Última imagen: ${path}`];

const lost = (batches: number): string =>
  batches === 0 ? "   Trabajo perdido: nada." : `   Trabajo perdido: ${plural(batches, "batch", "batches")}.`;

/** The end of a guarded process. */
/** Of somebody else's script nobody promises that it goes on where it was. */
const again = ({ resumeCommand }: RunEventOf<"ended">): string[] =>
  resumeCommand === undefined ? [] : ["💡 Para iniciarlo de nuevo:", `   ${resumeCommand}`];

function guardedEnd(event: RunEventOf<"ended">, { name, exitCode, codeOf }: ChildEnd): readonly string[] {
  switch (event.how) {
    case "finished":
    case "limit":
      return [
        rule,
        `🎉 ${name} ha terminado a los ${duration(event.seconds)}.`,
        ...safe(event, "✅ Su último checkpoint está conservado y verificado:"),
        ...again(event),
        rule,
      ];
    case "stopped":
      return [
        ...safe(event, "✅ Pesos guardados exitosamente:"),
        "",
        ...again(event),
        rule,
        "",
        "👋 Saliendo...",
      ];
    case "overheated":
      return [
        rule,
        `🔥 ${name} se detuvo por el calor.`,
        ...safe(event, "✅ Pesos guardados exitosamente:"),
        "",
        ...heatAdvice,
        "",
        ...again(event),
        rule,
      ];
    case "failed":
      return [
        rule,
        codeOf === "script"
          ? `💥 ${name} ha terminado con el código de salida ${exitCode}, a los ${duration(event.seconds)}.`
          : `💥 ${name} se detuvo por un error a los ${duration(event.seconds)}.`,
        ...safe(event, "✅ Tus pesos están a salvo aquí:"),
        ...again(event),
        rule,
      ];
  }
}

export const events: EventTexts = {
  ...heatEvents,
  ...guardEvents,
  "run-started": (event) => [
    `🚀 Entrenando ${event.class ?? event.label} de ${square(event.start)} a ${square(event.end)} (preset ${event.preset})`,
    `   Imágenes: ${integer(event.images)} (${event.data === "phantom" ? "OCT sintéticas" : event.data})`,
    `   Dispositivo: ${event.device}, ${plural(event.threads, "hilo", "hilos")}. Generator: ${integer(event.parameters.generator)} parámetros, critic: ${integer(event.parameters.critic)}`,
    `   Pesos: ${event.weights}. Imágenes de muestra: ${event.samples}`,
    "🛡 Puedes presionar Ctrl+C cuando quieras: tus pesos se guardan antes de salir.",
  ],
  resumed: ({ id: from, position, skipped }) => [
    ...skipped.map(
      ({ id, ...damage }) => `⚠ Se salta el checkpoint ${id}: ${damageOf(damage)}. Se ha dejado como está.`,
    ),
    `🔄 Reanudando desde ${from}: ${square(position.resolution)}, ${position.batch === 0 ? plural(position.epoch, "época hecha", "épocas hechas") : `época ${position.epoch + 1}, batch ${integer(position.batch)}`} (alfa ${decimal(position.alpha, 3)}, ${plural(position.batches, "batch", "batches")} en total).`,
  ],
  "images-loading": ({ done, total, resolution }) => [progress.loading(done, total, resolution)],
  "image-skipped": ({ path, page, ...fault }) => [
    `⚠ Se salta una imagen que no se puede leer: ${path}${page === undefined ? "" : `, página ${page}`} (${imageReason(fault)})`,
  ],
  "images-left-out": imageNote,
  "image-stacks": imageNote,
  "images-examining": imageNote,
  "pixel-range": imageNote,
  "images-unusable": imageNote,
  "images-flat": imageNote,
  "stage-preparing": ({ resolution }) => [`🔧 Preparando ${square(resolution)}...`],
  "stage-started": (event) => [
    `📐 ${square(event.resolution)}: ${plural(event.epochs, "época", "épocas")} de ${plural(event.batchesPerEpoch, "batch", "batches")}, ${plural(event.batchSize, "imagen", "imágenes")} en cada uno${event.accumulate > 1 ? `, ${event.accumulate} batches por paso` : ""}`,
  ],
  "epoch-finished": (event) => [
    `🏁 ${square(event.resolution)}: época ${event.epoch}/${event.epochs} terminada en ${duration(event.seconds)}`,
  ],
  "stage-finished": ({ resolution, seconds }) => [
    `✅ ${square(resolution)} terminado en ${duration(seconds)}`,
  ],
  "real-images-written": ({ path, resolution }) => [
    `🖼 Imágenes reales, como las ve el entrenamiento a ${square(resolution)}: ${path}`,
  ],
  "preview-written": ({ path }) => [`🖼 Imagen de muestra: ${path}`],
  "save-started": ({ kind, batches, reason }) => [saving[kind](batches, reason)],
  saved: ({ files, bytes: size, seconds }) => [
    ...files.map(({ path }) => `=> Guardando checkpoint: ${path}`),
    `✅ Checkpoint guardado y verificado (${bytes(size)}, ${duration(seconds)})`,
  ],
  "save-failed": ({ failures, retrySeconds, ...failure }) => [
    `❌ No se pudo guardar el checkpoint: ${failureText(errors, failure)}`,
    ...(failures > 1 ? [`   Ya son ${integer(failures)} guardados seguidos que fallan.`] : []),
    retrySeconds === undefined
      ? "   Los checkpoints anteriores siguen como estaban."
      : `   El entrenamiento continúa, y los checkpoints anteriores siguen como estaban. Otro intento en ${duration(retrySeconds)}.`,
  ],
  "backed-up": ({ folder, bytes: size, seconds }) => [
    `🗄 Copia de seguridad del día: ${folder} (${bytes(size)}, ${duration(seconds)})`,
  ],
  "backup-failed": ({ retrySeconds, ...failure }) => [
    `❌ No se pudo hacer la copia de seguridad del día: ${failureText(errors, failure)}`,
    `   Ni el entrenamiento ni sus checkpoints corren peligro. Otro intento en ${duration(retrySeconds)}; con --backups 0 no se hace.`,
  ],
  "store-problem": ({ type, ...problem }) => [
    `⚠ ${problemOf(problem)} Los checkpoints están completos; el próximo guardado lo vuelve a intentar.`,
  ],
  "stop-requested": ({ signal, times, saving: busy, share, leaving, nothingYet }) => {
    if (nothingYet) {
      const what = caught[signal] ?? `¡Parada pedida (${signal})!`;
      return times === 1 ? [rule, `🛑 ${what} Aún no se ha entrenado nada: se sale ya.`, rule] : [];
    }
    if (times === 1) {
      return [
        rule,
        `🛑 ${caught[signal] ?? `¡Parada pedida (${signal})!`} Guardando pesos antes de salir...`,
        rule,
      ];
    }
    if (leaving) {
      return ["⏩ No se espera al batch en curso: se guardan ya los pesos de justo antes."];
    }
    return busy
      ? [`💾 Guardando, ${percent(share ?? 0)}: en un momento tus pesos estarán a salvo. Nada se interrumpe.`]
      : ["⏳ Entendido: en cuanto termine el batch en curso se guardan los pesos. No se pierde nada."];
  },
  "stop-planned": ({ time }) => [`⏰ El entrenamiento guardará y parará por sí solo: ${moment(time)}`],
  "engine-slow": ({ seconds, usual, giveUpAfter }) => [
    `⚠ El motor lleva ${duration(seconds)} trabajando sin responder${usual === undefined ? "" : ` (hasta ahora tardó ${duration(usual)} como mucho)`}. Si no responde, el entrenamiento termina a los ${duration(giveUpAfter)}, con los últimos pesos que se puedan recuperar guardados.`,
  ],
  "update-skipped": ({ network, scale, skipped, batches }) => [
    `⏭ Batch ${integer(batches)}: los gradientes ${network === "critic" ? "del crítico" : "del generador"} desbordaron la media precisión y se saltó esa actualización (van ${integer(skipped)}); la escala de la pérdida baja a ${decimal(scale, 0)}.`,
  ],
  warning: (event) => [`⚠ ${warningText(event)}`],
  ended: (event) => {
    if (event.child) return guardedEnd(event, event.child);
    switch (event.how) {
      case "finished":
        return [
          rule,
          `🎉 ¡Entrenamiento terminado en ${duration(event.seconds)}!`,
          ...safe(event, "✅ Aquí tienes los pesos:"),
          ...preview(event.preview),
          rule,
        ];
      case "limit":
        return [
          rule,
          `⏸ Se alcanzó el límite de batches en ${duration(event.seconds)}.`,
          ...safe(event, "✅ Los pesos están guardados:"),
          ...preview(event.preview),
          ...goOn(event),
          rule,
        ];
      case "stopped":
        return [
          // Stopped before it was known what there is.
          ...(event.position === undefined ? [] : safe(event, "✅ Pesos guardados exitosamente:")),
          "",
          ...goOn(event),
          rule,
          "",
          "👋 Saliendo...",
        ];
      case "overheated":
        return [
          rule,
          "🔥 El entrenamiento se ha detenido por el calor.",
          ...safe(event, "✅ Pesos guardados exitosamente:"),
          "",
          ...heatAdvice,
          "",
          ...goOn(event),
          rule,
        ];
      case "failed":
        return [
          rule,
          `💥 El entrenamiento se detuvo por un error a los ${duration(event.seconds)}.`,
          ...safe(event, "✅ Tus pesos están a salvo aquí:"),
          ...goOn(event),
          rule,
        ];
    }
  },
};

export const progress: ProgressTexts = {
  place: ({ resolution, epoch, epochs, batch, batches }) =>
    `${square(resolution)} · época ${epoch}/${epochs} · Batch ${batch}/${batches}`,
  share: percent,
  timeLeft: (seconds) => `faltan ${clock(seconds)}`,
  losses: (critic, generator) => `D ${decimal(critic, 3)} · G ${decimal(generator, 3)}`,
  penalty: (value) => `GP ${decimal(value, 3)}`,
  alpha: (value) => `alfa ${decimal(value, 3)}`,
  rate: (imagesPerSecond) => `${decimal(imagesPerSecond, 1)} img/s`,
  temperature: (celsius) => `${celsius === undefined ? "?" : decimal(celsius, 0)} °C`,
  saveAge: (seconds) =>
    seconds === undefined ? "aún sin guardar" : `guardado hace ${duration(Math.floor(seconds))}`,
  loading: (done, total, resolution) =>
    `Cargando imágenes a ${square(resolution)}: ${integer(done)}/${integer(total)} (${percent(total === 0 ? 1 : done / total)})`,
};
