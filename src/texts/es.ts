/** El catálogo español. */
import type { Texts } from "./en.js";
import { damageOf } from "./es-damage.js";
import { errors } from "./es-errors.js";
import { events, progress } from "./es-events.js";
import { foreign } from "./es-foreign.js";
import { help } from "./es-help.js";
import { monitor } from "./es-heat.js";
import { plan } from "./es-plan.js";
import { store } from "./es-store.js";
import { formats } from "./formats.js";

const format = formats("es");
const ago = (seconds: number): string => `hace ${format.duration(Math.floor(seconds))}`;

export const es: Texts = {
  language: "es",
  format,
  errors,
  events,
  progress,
  help,
  store,
  monitor,
  foreign,
  plan,
  commands: {
    error: "Error:",
    bug: (message) =>
      `Esto es un fallo de guardapesos, no tuyo (${message}); los checkpoints ya guardados siguen intactos. Por favor, cuéntalo con las líneas de abajo.`,
    generated: (count, resolution, id) =>
      `✨ ${format.integer(count)} ${count === 1 ? "imagen" : "imágenes"} de ${resolution}x${resolution} desde ${id}`,
    wrote: (path) => `🖼 ${path}`,
    resolutionUntold: (resolution) =>
      `⚠ Nada dice hasta qué resolución se entrenaron estos pesos, así que se dibujan a ${resolution}x${resolution}. Si parece ruido, da otra con --resolution, por ejemplo --resolution 8.`,
    drawing: (done, count, secondsLeft) =>
      `   ${format.integer(done)} de ${format.integer(count)} imágenes${secondsLeft === undefined ? "" : `, quedan unos ${format.duration(Math.ceil(secondsLeft))}`}`,
    wroteMany: (count, first, last) => `🖼 ${format.integer(count)} imágenes, de ${first} a ${last}`,
    drawingStopped: (done, count) =>
      `🛑 Detenido: están escritas ${format.integer(done)} de ${format.integer(count)} imágenes, todas completas.`,
    noCheckpoints: (folder, pairs) =>
      pairs.length === 0
        ? `Todavía no hay checkpoints en ${folder}. guardapesos entrenar los crea por sí solo.`
        : `Todavía no hay checkpoints en ${folder}, pero sí archivos desde los que guardapesos entrenar puede seguir: ${pairs.map(format.and).join("; ")}.`,
    columns: {
      id: "checkpoint",
      class: "clase",
      name: "nombre",
      kind: "tipo",
      step: "paso",
      resolution: "resolución",
      epoch: "época",
      alpha: "alfa",
      age: "edad",
      size: "tamaño",
      verified: "verificado",
      notes: "notas",
    },
    ago,
    verifiedAgo: (seconds) => (seconds === undefined ? "todavía no" : ago(seconds)),
    notFinite: (count) => `⚠ ${format.integer(count)} valores no son números`,
    damaged: (id, damage) =>
      `❌ ${id} está dañado: ${damageOf(damage)}. Se deja como está; entrenar sigue desde el completo más reciente.`,
    gone: (ids) =>
      `💡 Borrados entretanto por un entrenamiento, porque ya hay otros más recientes: ${ids.join(", ")}`,
    whole: (id, bytes) => `✅ ${id} está completo (${format.bytes(bytes)} leídos y comparados)`,
    inspected: {
      file: (path, what, bytes) => `📦 ${path}: ${what}, ${format.bytes(bytes)}`,
      keys: (keys) => `   Claves: ${keys.join(", ")}`,
      stateDict: (key, tensors, elements) =>
        `   Pesos${key === undefined ? "" : ` (${key})`}: ${format.integer(tensors)} tensores, ${format.integer(elements)} números`,
      prefix: (prefix) => `   Sus nombres empiezan por ${prefix}; se quita donde se usan.`,
      optimizer: (name, kind, parameters, withState) =>
        `   Optimizador${name === "" ? "" : ` (${name})`}: ${kind}, ${format.integer(parameters)} parámetros, ${format.integer(withState)} de ellos con memoria`,
      steps: (least, most) =>
        least === most
          ? `   Actualizaciones: ${format.integer(most)}`
          : `   Actualizaciones: de ${format.integer(least)} a ${format.integer(most)}`,
      options: (options) => `   Opciones: ${options.join(", ")}`,
      saved: (id, savedAt) =>
        `   Checkpoint: ${id}${savedAt === undefined ? "" : `, guardado el ${format.moment(savedAt)}`}`,
      position: ({ resolution, epoch, batch, step, alpha }) =>
        `   Entrenamiento: ${resolution}x${resolution}, épocas hechas ${epoch}, batch ${format.integer(batch)}, paso ${format.integer(step)}, alpha ${format.decimal(alpha, 3)}`,
      columns: ["tensor", "tipo", "forma", "tamaño"],
      statistics: ["mín.", "máx.", "media", "NaN/Inf"],
      shares: (name) => `comparte los datos de ${name}`,
      tensors: (count) => `${format.integer(count)} tensores`,
      unknown: "de un tipo desconocido",
      allFinite: "✅ Todos los valores son números finitos.",
      skipped: (names) =>
        `   Se dejan como están, sin ejecutarlos (no están en la lista de nombres conocidos): ${names.join(", ")}`,
      checked: "✅ Todos los datos son los que se guardaron (CRC-32).",
      unchecked: "⚠ Este archivo no lleva sumas de comprobación: un daño en los números no se puede notar.",
    },
    convertStopped: (to) => `Parado: ${to} no se ha creado, y no queda nada de él.`,
    converted: (from, to, bytes) => `✅ ${from} → ${to} (${format.bytes(bytes)})`,
    stale: (id) => `⚠ ${id} tiene los mismos pesos que el checkpoint anterior, aunque han pasado pasos.`,
  },
};
