/** Lo que el calor hace decir a un entrenamiento, y `guardapesos monitor`, en español. */
import type { RunEventOf } from "../events/event.js";
import type { heatEvents as english, MonitorTexts } from "./en-heat.js";
import { formats } from "./formats.js";

const { bytes, clock, decimal, duration, integer, percent } = formats("es");

const celsius = (value: number | undefined): string =>
  value === undefined ? "temperatura desconocida" : `${decimal(value, 0)} °C`;

function because({ code, temperature, threshold }: RunEventOf<"heat">["reason"]): string {
  if (code === "hardware-slowdown")
    return `La tarjeta se frena a sí misma porque está demasiado caliente (${celsius(temperature)})`;
  if (code === "software-slowdown")
    return `El controlador frena la tarjeta porque está demasiado caliente (${celsius(temperature)})`;
  return `La tarjeta está a ${celsius(temperature)}, y el límite es ${celsius(threshold)}`;
}

const noTemperature = {
  "not-wanted": () => [],
  processor: () => ["🌡 Se entrena en el procesador: no se vigila la temperatura de ninguna tarjeta."],
  "not-found": () => [
    "🌡 No se conoce la temperatura: no la dicen ni NVML, ni nvidia-smi, ni el sistema. El calor no se vigila.",
  ],
  unknown: (sensor: string) => [
    `⚠ Calor: ${sensor} no dice ninguna temperatura; hasta que la diga, nada protege la tarjeta. Se le sigue preguntando; quizá otro --sensor sepa más.`,
  ],
} as const;

export const heatEvents: typeof english = {
  "heat-watch": ({ sensor = "?", missing, thresholds }) =>
    missing !== undefined
      ? noTemperature[missing](sensor)
      : [
          `🌡 Calor: ${sensor}. Pausas desde ${thresholds.warnAt} °C, enfriamiento desde ${thresholds.coolAt} °C, parada a ${thresholds.stopAt} °C.`,
        ],
  temperature: () => [],
  heat: ({ from, to, reason }) => {
    switch (to) {
      case "pace":
        return [
          `⚠ La tarjeta está caliente (${celsius(reason.temperature)}): pausas cortas la mantienen ahí, y se guarda más a menudo. Revisa la ventilación.`,
        ];
      case "cool":
        return [`🔥 ${because(reason)}. Se guardan los pesos y después se enfría.`];
      case "stop":
        return [`🔥 ${because(reason)}. Se guardan los pesos y el entrenamiento se detiene.`];
      case "watch":
        if (from === "pace")
          return [`🌡 La tarjeta ha bajado a ${celsius(reason.temperature)}: sin más pausas.`];
        return reason.code === "unknown-for-long"
          ? ["⚠ Hace mucho que no se conoce la temperatura: se acaba la espera, el entrenamiento sigue."]
          : [`✅ La tarjeta se ha enfriado hasta ${celsius(reason.temperature)}: el entrenamiento sigue.`];
    }
  },
  cooling: ({ temperature, secondsLeft, resumeAt }) => [
    `❄ Enfriando: ${celsius(temperature)} · ${secondsLeft > 0 ? `faltan al menos ${clock(secondsLeft)} · ` : ""}sigue a ${celsius(resumeAt)}`,
  ],
  "sensor-lost": ({ sensor, reason }) => [
    `⚠ ${sensor} ya no dice nada${reason === "" ? "" : ` (${reason})`}: no se conoce la temperatura. Eso solo no detiene nada.`,
  ],
  "sensor-back": ({ sensor }) => [`🌡 ${sensor} ha vuelto.`],
  "batches-divided": ({ divisor, resolution, batchSize, accumulate }) => [
    `🔽 Batches divididos entre ${divisor} por el calor: a ${resolution}x${resolution}, ${integer(batchSize)} ${batchSize === 1 ? "imagen" : "imágenes"} en cada uno y ${integer(accumulate)} ${accumulate === 1 ? "batch" : "batches"} por paso, tantas imágenes por paso como antes. --full-batches lo deshace.`,
  ],
};

export const heatAdvice: readonly string[] = [
  "💡 Antes de reanudar:",
  "   1. Apaga el PC y deja enfriar 30 minutos.",
  "   2. Limpia la tarjeta y sus ventiladores con aire comprimido, y mejora la ventilación.",
  "   3. Revisa la pasta térmica, si tienes experiencia.",
];

export const monitor: MonitorTexts = {
  unknown: "desconocido",
  names: {
    temperature: "Temperatura",
    power: "Consumo",
    utilisation: "Carga",
    memory: "Memoria",
    fan: "Ventilador",
    clock: "Reloj",
    slowdown: "La frena",
    policy: "Entrenar haría",
  },
  power: (watts) => `${decimal(watts, 0)} W`,
  memory: (used, total) => {
    if (total === undefined) return bytes(used);
    return `${bytes(used)} / ${bytes(total)} (${percent(used / total)})`;
  },
  clock: (megahertz) => `${decimal(megahertz, 0)} MHz`,
  nothingSlows: "nada",
  slowdown: {
    idle: "no tener nada que hacer",
    "application-clocks": "un reloj fijado",
    "power-cap": "su límite de consumo",
    hardware: "el hardware",
    "sync-boost": "otra tarjeta",
    "software-thermal": "su temperatura (controlador)",
    "hardware-thermal": "su temperatura (hardware)",
    "power-brake": "la fuente de alimentación",
    "display-clocks": "la pantalla",
  },
  mode: {
    watch: "seguir como está",
    pace: "seguir con pausas cortas",
    cool: "guardar, enfriar y seguir con batches más pequeños",
    stop: "guardar y parar",
  },
  leave: "Ctrl+C para salir.",
  logging: (file) => `Registro: ${file}`,
  stats: ({ seconds, hottest, pauses, pausedSeconds, coolDowns, cooledSeconds, stops }) => [
    ["Máxima", celsius(hottest)],
    ["Tiempo por debajo del aviso", duration(seconds.fine)],
    [
      "Tiempo templada, caliente, crítica",
      [seconds.warm, seconds.hot, seconds.critical].map(duration).join(" · "),
    ],
    ["Tiempo sin conocer la temperatura", duration(seconds.unknown)],
    ["Pausas", `${integer(pauses)} (${duration(pausedSeconds)})`],
    ["Enfriamientos", `${integer(coolDowns)} (${duration(cooledSeconds)})`],
    ["Paradas por calor", integer(stops)],
  ],
  lastMinutes: "Los últimos minutos",
  noSensor: "no la dicen ni NVML, ni nvidia-smi, ni el sistema",
};
