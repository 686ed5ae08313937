/** Lo que dice en español quien vigila un entrenamiento ajeno. «El script» es el proceso vigilado, sea lo que sea. */
import type { RunEventOf } from "../events/event.js";
import type {
  AgentMissing,
  AgentNotice,
  AsSaved,
  CrashCause,
  Doubt,
  GuardedFile,
  GuardedProcess,
  NoRestart,
  NoSnapshot,
  NotRestored,
  PauseCause,
  SnapshotReason,
} from "../events/guarded.js";
import type { GuardEventTexts } from "./en-guard.js";
import { damageOf } from "./es-damage.js";
import { formats } from "./formats.js";

const { and, bytes, duration, integer } = formats("es");

/** Behind what is told of one of several ranks. */
const ofRank = ({ rank }: GuardedProcess): string => (rank === undefined ? "" : ` (rank ${rank})`);
const nth = (count: number, one: string, many: string): string =>
  `${integer(count)} ${count === 1 ? one : many}`;
const list = (files: readonly GuardedFile[]): string => and(files.map(({ path }) => path));
const inBrackets = (detail: string): string => (detail === "" ? "" : ` (${detail})`);
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

const noAgent: Record<AgentMissing, string> = {
  "not-wanted": "--no-agent",
  "no-python": "el comando no es Python ni lo inicia",
  isolated: "este Python no lee PYTHONPATH: -I, -E, -S, un entorno vacío o un Python «embeddable»",
  "too-old": "este Python es anterior al 3.8",
  "no-torch": "este Python no tiene PyTorch",
  "no-answer": "ningún Python ha contestado",
};

const snapshots: Record<SnapshotReason, string> = {
  auto: "💾 Auto-guardando",
  interrupt: "🛟 Guardando antes de la interrupción",
  "cool-down": "💾 Guardando antes del enfriamiento",
  stop: "🛟 Guardando antes de parar",
  critical: "🛟 Guardando por el calor",
  asked: "💾 Guardando",
};

const noSnapshots: Record<NoSnapshot, string> = {
  "no-torch": "no tiene PyTorch",
  "no-weights": "aún no se han encontrado pesos en él",
  copies: "lo que guarda son copias de sus pesos, no los pesos mismos",
  error: "un error lo impidió",
};

const asSaved = ({ key, value, seconds }: AsSaved): string => `${key} ${value} (hace ${duration(seconds)})`;

function doubtOf(files: readonly string[], doubt: Doubt): string {
  const names = and(files);
  switch (doubt.kind) {
    case "not-whole":
      return `❌ Un checkpoint del script no está entero: ${names} (${damageOf(doubt.damage)}). Los anteriores sí.`;
    case "not-finite":
      return `❌ ${names}: ${nth(doubt.values, "valor no es un número", "valores no son números")}. El entrenamiento ha divergido; los checkpoints de antes se conservan.`;
    case "unchanged":
      return `❌ ${names}: todos los pesos son los de ${doubt.since}, aunque el optimizador ha dado ${nth(doubt.steps, "paso", "pasos")}. No se está aprendiendo nada, o se guardaron pesos viejos; los checkpoints anteriores se conservan.`;
    case "unproven":
      return `⚠ ${names}: no se ve nada malo en estos archivos, pero por sí solos no pueden probar que están enteros, así que no se dan por verificados ni por dañados.`;
  }
}

const pauses: Record<PauseCause, string> = {
  heat: "❄ El script está en pausa hasta que se enfríe la tarjeta. Su memoria queda como está",
  "critical-heat":
    "❄ El script está en pausa porque la tarjeta está demasiado caliente. Su memoria queda como está",
  terminal: "⏸ El script está en pausa (Ctrl+Z); con fg o bg continúa",
  asked: "⏸ El script está en pausa",
};

const awaited: Record<RunEventOf<"interrupt-asked">["awaits"], string> = {
  boundary: "a que termine el batch en curso",
  save: "a que termine el guardado en curso",
  snapshot: "a que termine la instantánea en curso",
  script: "al script, que ya está terminando por su cuenta",
};

const delivered: Record<RunEventOf<"interrupted">["where"], string> = {
  boundary: "entre dos batches",
  step: "a mitad de un batch, porque ninguno terminó a tiempo",
  "main-thread": "fuera de su bucle de entrenamiento",
  group: "con una señal, sin agente",
};

const caught: Record<string, string> = {
  SIGINT: "¡Ctrl+C detectado!",
  SIGTERM: "¡Petición de terminar detectada (SIGTERM)!",
  SIGHUP: "¡Se cerró la terminal (SIGHUP)!",
  SIGBREAK: "¡Ctrl+Break detectado!",
  stop: "¡guardapesos parar pide parar!",
  time: "¡Llegó la hora de parar!",
  parent: "¡Terminó el programa que inició este!",
  heat: "¡La tarjeta está demasiado caliente!",
};

/** Los estados propios de Windows se conocen por su forma hexadecimal. */
const statusOf = (code: number): string =>
  code >= 0x80000000 ? `0x${code.toString(16).toUpperCase()}` : String(code);

function causeOf(cause: CrashCause): string {
  switch (cause.kind) {
    case "exception":
      return `una excepción: ${raised(cause)}`;
    case "out-of-memory":
      return `sin memoria: ${raised(cause)} Con batches menores hace falta menos`;
    case "cuda":
      return `la tarjeta: ${raised(cause)}`;
    case "signal":
      return cause.signal === "SIGKILL"
        ? "lo mató SIGKILL; si no fue nadie, probablemente fue el sistema, por falta de memoria"
        : `lo mató ${cause.signal}`;
    case "memory-killer":
      return "lo mató el sistema, que se quedó sin memoria";
    case "exit-code":
      return `código de salida ${statusOf(cause.code)}`;
  }
}

const raised = ({ type, text, where }: Extract<CrashCause, { type: string }>): string =>
  sentence(`${type}${text === "" ? "" : `: ${text}`}${where === undefined ? "" : ` (${where})`}`);

const restartCauses = { crash: "del fallo", heat: "del enfriamiento", hang: "del bloqueo" } as const;

const unrestored: Record<NotRestored, string> = {
  optimizer: "la memoria de los optimizadores",
  scheduler: "el plan de la tasa de aprendizaje",
  scaler: "la escala de la pérdida",
  epoch: "la época",
  resolution: "la resolución",
  alpha: "alfa",
  "random-state": "el estado aleatorio",
  "data-order": "el orden de los datos",
  "half-step": "los gradientes a medio acumular",
  "log-step": "el paso de TensorBoard",
};

const noRestarts: Record<NoRestart, string> = {
  "no-recipe": "nada dice cómo retoma sus pesos (--resume-set, --resume-args, --resume-env o --recipe)",
  "failed-at-start": "falló antes de haber entrenado",
  "no-progress": "sus dos últimos inicios no trajeron ningún checkpoint nuevo",
  "used-up": "ya se usaron todos los reinicios de --restart",
};

const notices: Record<AgentNotice, string> = {
  "screen-gone":
    "Ya nadie lee lo que escribe el script: lo que escriba desde ahora se descarta, y él continúa",
  "sitecustomize-failed":
    "Falló el sitecustomize propio de Python en el script; sin guardapesos también fallaría",
  "not-finite": "Hay pesos del script que ya no son números: el entrenamiento ha divergido",
  "set-unmet": "Nada ha asignado lo que nombra --set: no tiene efecto",
  "set-failed": "No se pudo cambiar una constante",
  "thread-failed": "Una excepción ha terminado un hilo del script, que continúa sin él",
  other: "El agente dice",
};

export const guardEvents: GuardEventTexts = {
  "guard-started": ({ command, weights, series, newest }) => [
    `🛡 Protegiendo ${command.join(" ")}`,
    `   Checkpoints: ${weights} (${series}). ${newest === undefined ? "Aún no hay ninguno." : `El más reciente: ${newest}.`}`,
    "   Pulsa Ctrl+C cuando quieras: antes de salir se guardan tus pesos.",
  ],
  "child-started": ({ pid, attempt, from }) =>
    attempt === 1 && from === undefined
      ? []
      : [
          `🚀 El script está en marcha${from === undefined ? "" : ` y sigue desde ${from}`} (proceso ${pid}).`,
        ],
  "child-ended": () => [],
  "agent-connected": () => [],
  "agent-missing": ({ reason }) => [
    `⚠ El script va sin agente (${noAgent[reason]}): solo hay los guardados que él mismo hace, se le interrumpe con una simple señal y se le enfría parándolo donde esté. Sus checkpoints se conservan de las carpetas que indique --from.`,
  ],
  "agent-lost": (event) => [
    `⚠ Se cortó la conexión con el script${ofRank(event)}. Él continúa y sus guardados siguen siendo enteros; sus checkpoints se conservan de las carpetas que indique --from.`,
  ],
  "torch-found": () => [],
  trains: () => [],
  phase: () => [],
  beat: () => [],
  metrics: () => [],
  "script-saving": () => [],
  "script-saved": ({ path, sibling }) =>
    sibling === undefined
      ? []
      : [
          `⚠ No se pudo reemplazar ${path}: otro programa lo tiene abierto. El guardado está entero en ${sibling}`,
        ],
  "script-save-failed": ({ path, error }) => [
    `❌ El script no pudo guardar ${path}: ${sentence(error.text === "" ? error.type : `${error.type}: ${error.text}`)} Los checkpoints anteriores siguen como estaban.`,
  ],
  snapshot: ({ reason, batches, asSaved: old }) => [
    `${snapshots[reason]}: batch ${integer(batches)}...`,
    ...(old.length === 0 ? [] : [`   Como en el último guardado del script: ${and(old.map(asSaved))}.`]),
  ],
  "no-snapshot": ({ why, detail }) => [
    `⚠ Ahora no se pudo guardar el estado del script: ${noSnapshots[why]}${inBrackets(detail)}. Lo que él guarda se conserva.`,
  ],
  "checkpoint-kept": ({ id, files, bytes: size, seconds }) => [
    `✅ Checkpoint conservado y verificado: ${list(files)} (${bytes(size)}, ${duration(seconds)}), como ${id}`,
  ],
  "checkpoint-doubtful": ({ files, doubt }) => [doubtOf(files, doubt)],
  "emergency-copied": ({ files }) => [
    "🛟 El script no ha guardado desde la interrupción. Su estado de justo antes está junto a sus archivos:",
    ...files.map(({ path, bytes: size }) => `    ${path} (${bytes(size)})`),
  ],
  "interrupt-asked": ({ signal, times, awaits, batchSeconds }) => {
    const usual = batchSeconds === undefined ? "" : ` (un batch tarda unos ${duration(batchSeconds)})`;
    return times === 1
      ? [
          `🛑 ${caught[signal] ?? `¡Parada pedida (${signal})!`} Se guardan los pesos y luego se interrumpe al script, una sola vez. Esperando ${awaited[awaits]}${awaits === "boundary" ? usual : ""}...`,
        ]
      : [
          `⏳ Entendido ya: esperando ${awaited[awaits]}${awaits === "boundary" ? usual : ""}. No se pierde nada.`,
        ];
  },
  interrupted: (event) => [
    `🔔 Se ha interrumpido al script ${delivered[event.where]}${ofRank(event)}: ahora actúa su propio manejador.`,
  ],
  "interrupt-ignored": ({ seconds, command }) => [
    `⚠ El script no ha terminado ${duration(seconds)} después de su interrupción. No se le mata, y lo guardado está a salvo. Para terminarlo tú: ${command}`,
  ],
  "child-paused": (event) => [
    sentence(
      `${pauses[event.cause]}${event.where === "anywhere" ? ", parado a mitad de un batch" : ""}${ofRank(event)}`,
    ),
  ],
  "child-resumed": (event) => [`🔄 El script continúa tras ${duration(event.seconds)}${ofRank(event)}.`],
  "set-replaced": ({ name, module, line, old, value, as, doubt }) => [
    `🔧 ${module === undefined ? "" : `${module}.`}${name} = ${value} en esta ejecución${as === "string" ? ", como texto" : ""} (línea ${line}; era ${old})`,
    ...(doubt ? [`   ⚠ Python lo calcula. Si es un texto, escribe ${name}:=${value}`] : []),
  ],
  hang: (event) => [
    `⚠ El script no avanza desde hace ${duration(event.seconds)}${ofRank(event)}${event.usual === undefined ? "" : ` (hasta ahora tardó ${duration(event.usual)} como mucho)`}. ${event.killAfter === undefined ? "Se le deja en paz; --hang-kill lo terminaría." : `Si sigue así, se le mata en ${duration(event.killAfter)}.`}`,
  ],
  "hang-over": (event) => [`🔄 El script vuelve a avanzar tras ${duration(event.seconds)}${ofRank(event)}.`],
  stacks: (event) => [
    `📌 Lo que hacen los hilos del script${ofRank(event)}:`,
    ...event.text
      .trimEnd()
      .split("\n")
      .map((line) => `   ${line}`),
  ],
  crash: (event) => [`💥 El script ha fallado${ofRank(event)}: ${sentence(causeOf(event.cause))}`],
  restarting: ({ restart, most, waitSeconds, from, cause, notRestored }) => [
    `🔄 Se inicia otra vez después ${restartCauses[cause]}${waitSeconds > 0 ? `, en ${duration(waitSeconds)}` : ""}${from === undefined ? "" : `, desde ${from}`}${cause === "heat" ? "" : ` (${integer(restart)} de ${integer(most)})`}.`,
    ...(notRestored.length === 0
      ? []
      : [`   Lo que el script no retoma: ${and(notRestored.map((what) => unrestored[what]))}.`]),
  ],
  "restart-refused": ({ reason }) => [`⏸ El script no se inicia otra vez: ${noRestarts[reason]}.`],
  "agent-notice": (event) => [
    sentence(`⚠ ${notices[event.what]}${event.detail === "" ? "" : `: ${event.detail}`}${ofRank(event)}`),
  ],
};
