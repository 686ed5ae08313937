/** El catálogo español. */
import type { Texts } from "./en.js";
import { errors } from "./es-errors.js";
import { events, progress } from "./es-events.js";
import { help } from "./es-help.js";
import { formats } from "./formats.js";

const format = formats("es");

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
      whole: "completo",
    },
    ago: (seconds) => `hace ${format.duration(Math.floor(seconds))}`,
    yes: "sí",
    no: "no",
  },
};
