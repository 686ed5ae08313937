/** El catálogo español. */
import type { Texts } from "./en.js";
import { errors } from "./es-errors.js";
import { events, progress } from "./es-events.js";
import { help } from "./es-help.js";
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
  commands: {
    error: "Error:",
    bug: (message) =>
      `Esto es un fallo de guardapesos, no tuyo (${message}); los checkpoints ya guardados siguen intactos. Por favor, cuéntalo con las líneas de abajo.`,
    generated: (count, resolution, id) =>
      `✨ ${format.integer(count)} ${count === 1 ? "imagen" : "imágenes"} de ${resolution}x${resolution} desde ${id}`,
    wrote: (path) => `🖼 ${path}`,
    noCheckpoints: (folder) =>
      `Todavía no hay checkpoints en ${folder}. guardapesos entrenar los crea por sí solo.`,
    columns: {
      id: "checkpoint",
      kind: "tipo",
      step: "paso",
      resolution: "resolución",
      epoch: "época",
      alpha: "alfa",
      age: "edad",
      size: "tamaño",
      verified: "verificado",
    },
    ago,
    verifiedAgo: (seconds) => (seconds === undefined ? "todavía no" : ago(seconds)),
    notFinite: (count) => `⚠ ${format.integer(count)} valores no son números`,
    damaged: (id, file, reason) =>
      `❌ ${id} está dañado: ${file}${file === "" ? "" : ": "}${reason}. Se deja como está; entrenar sigue desde el completo más reciente.`,
    whole: (id, bytes) => `✅ ${id} está completo (${format.bytes(bytes)} leídos y comparados)`,
    stale: (id) => `⚠ ${id} tiene los mismos pesos que el checkpoint anterior, aunque han pasado pasos.`,
  },
};
