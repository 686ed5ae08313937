/** Lo que dice `plan` en español. */
import type { PlanTexts } from "./en-plan.js";
import { formats } from "./formats.js";

const { bytes, decimal, duration, integer } = formats("es");

export const plan: PlanTexts = {
  columns: [
    "resolución",
    "batch",
    "batches",
    "GFLOP/paso",
    "memoria desde",
    "paso",
    "época",
    "épocas",
    "en total",
    "checkpoint",
  ],
  summary: ({ images, parameters, memory, memoryAtMost, disk, rate, measured, seconds }) => [
    `Imágenes por época: ${integer(images)}. Generador: ${integer(parameters.generator)} parámetros; crítico: ${integer(parameters.critic)}.`,
    `Tiempo: unos ${duration(seconds)} a ${decimal(rate / 1e9, 0)} GFLOP/s${measured ? ", medidos aquí con un paso pequeño; las capas anchas van más rápido, las estrechas más despacio" : ""}.`,
    `Memoria: al menos ${bytes(memory)} en el dispositivo, con las imágenes de muestra; un motor puede llegar a ocupar ${bytes(memoryAtMost)}.`,
    `Disco: hasta ${bytes(disk)} para los checkpoints, y uno más por cada copia de seguridad diaria.`,
  ],
  mixed:
    "Precisión mixta: la memoria se cuenta con valores de media precisión. Los tiempos son los de float32; cuánto más rápida es una tarjeta en media precisión no se sabe de antemano.",
  fits: ({ memory, memoryAtMost }, size) =>
    memoryAtMost <= size
      ? `✅ Debería caber en ${bytes(size)}.`
      : `⚠ ${memory <= size ? "Puede que no quepa" : "No cabe"} en ${bytes(size)}. Usa --batch-sizes más pequeños (con un --accumulate mayor cada paso conserva sus imágenes), menos --channels o un --end menor.`,
};
