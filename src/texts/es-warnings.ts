/** Lo que no detiene nada y conviene decir, en español. */
import type { Warning, WarningCode, WarningData } from "../events/warning.js";
import { purposes } from "./es-damage.js";
import { errors, networkName } from "./es-errors.js";
import { formats } from "./formats.js";
import { failureText } from "./failure.js";
import { asTyped, otherOptions } from "./option-words.js";

const { and, integer } = formats("es");

const square = (side: number): string => `${side}x${side}`;
const change = ({ before, now }: { before: number | string; now: number | string }): string =>
  `${before} → ${now}`;

const uncached: Record<
  WarningData["IMAGES_NOT_CACHED"]["reason"],
  (folders: string, detail: string) => string
> = {
  full: (folders) => `no queda sitio en ${folders}`,
  changed: (folders) => `${folders} devuelve otra cosa que lo que se escribió`,
  "no-disk": (folders) => `ninguna de estas carpetas está en un disco: ${folders}`,
  system: (folders, detail) => `${folders} (${detail})`,
};

const sentences: { readonly [Code in WarningCode]: (data: WarningData[Code]) => string } = {
  THREADS_DIFFER: (data) =>
    `El checkpoint se entrenó con otro número de hilos (${change(data)}): el entrenamiento es el mismo, cambian los últimos decimales.`,
  DEVICE_DIFFERS: (data) =>
    `El checkpoint se entrenó en otro dispositivo (${change(data)}): el entrenamiento es el mismo, cambian los últimos decimales.`,
  ARITHMETIC_DIFFERS: (data) =>
    `El checkpoint se entrenó con otra versión de la aritmética (${change(data)}): el entrenamiento es el mismo, cambian los últimos decimales.`,
  DATA_DIFFERS: ({ before, now }) =>
    before === now
      ? "Las imágenes no son las del checkpoint: son tantas como antes, pero de otro contenido. El entrenamiento sigue con las nuevas."
      : `Las imágenes no son las del checkpoint (${before} → ${now}): el entrenamiento sigue con las nuevas, en un orden nuevo.`,
  START_IGNORED: ({ wanted, resolution }) =>
    `--start es para el comienzo de un entrenamiento, y este sigue donde estaba, en ${square(resolution)}. Para comenzar en ${square(wanted)}, empieza de cero con --fresh.`,
  HALF_IMITATED: () =>
    "El procesador no calcula en media precisión: se imita su redondeo, que es más lento que --precision float32. La precisión mixta es para tarjetas gráficas.",
  PLAN_ALREADY_FINISHED: () =>
    "El plan ya está entrenado entero; no queda nada por hacer. Sube --epochs o --end para seguir, o empieza de cero con --fresh.",
  NO_OPTIMIZER_STATE: ({ id, networks }) =>
    `Esos archivos solo contienen pesos (${networks.length === 0 ? id : and(networks.map(networkName))}): Adam empieza sin memoria, así que los primeros batches pueden ir algo bruscos.`,
  OPTIMIZER_NOT_ADAM: ({ optimizers }) =>
    `El optimizador de esos archivos no es Adam (${optimizers.map(({ network, kind = "desconocido" }) => `${networkName(network)}: ${kind}`).join(", ")}), así que Adam empieza sin memoria y con sus propias opciones: los primeros batches pueden ir algo bruscos. Da --lr si quieres otra tasa de aprendizaje.`,
  OPTIMIZER_UNCLEAR: ({ networks }) =>
    `El optimizador de esos archivos no se corresponde con los pesos (${and(networks.map(networkName))}): Adam empieza sin memoria, así que los primeros batches pueden ir algo bruscos.`,
  OPTIMIZER_OPTIONS_DIFFER: ({ options }) =>
    `El entrenamiento sigue con otras opciones de Adam que las de esos archivos: ${otherOptions(options, networkName)}.`,
  LEARNING_RATE_TAKEN: ({ learningRate }) =>
    `La tasa de aprendizaje es la de los archivos: ${asTyped(learningRate)}. Da --lr si quieres otra.`,
  RESOLUTION_UNKNOWN: ({ start }) =>
    `Esos archivos no dicen hasta qué resolución se entrenaron, así que el entrenamiento empieza en ${square(start)}. Si llegaron más lejos, para y empieza otra vez con --start, por ejemplo --start 64.`,
  WEIGHTS_NOT_FINITE: ({ id }) =>
    `No todos los pesos de ${id} son números: el entrenamiento ha divergido, y termina solo si los próximos guardados no son mejores. Los buenos que se guardaron antes se quedan, y los archivos de siempre también.`,
  WEIGHTS_UNCHANGED: ({ id }) =>
    `Todos los pesos de ${id} son los del checkpoint anterior, aunque han pasado pasos: no se está aprendiendo nada. Revisa --lr; los checkpoints anteriores se conservan.`,
  WAITING_FOR_FOLDER: ({ purpose, pid }) =>
    `Otro guardapesos se está ocupando de los checkpoints (${purposes[purpose]}, proceso ${pid}): el entrenamiento empieza cuando termine, o lo deja tras medio minuto.`,
  STATE_TAKEN_UP: ({ id }) =>
    `El entrenamiento anterior se cortó sin poder guardar, pero su último estado seguía en la memoria. Ya está guardado y verificado: ${id}`,
  STATE_NOT_UNDERSTOOD: ({ file }) =>
    `Un entrenamiento anterior quedó cortado, y esta versión no entiende lo que dejó en memoria. Ahí sigue hasta que el ordenador se reinicie, para la versión que lo escribió: ${file}`,
  FILE_MOVED_ASIDE: ({ path }) =>
    `Había un archivo ajeno a estos checkpoints donde van los pesos más recientes. Ahora tiene otro nombre y no se ha perdido nada: ${path}`,
  NO_HARD_LINKS: ({ folder }) =>
    `El disco de ${folder} no tiene enlaces duros: ahí los archivos con los nombres de siempre son copias, así que un checkpoint ocupa el doble.`,
  DISK_FILLING: ({ savesLeft }) =>
    `El disco se está llenando: ${savesLeft === 1 ? "cabe 1 guardado" : `caben ${integer(savesLeft)} guardados`} más. Antes de que falle uno se borran solos los automáticos y los de emergencia más antiguos; lo demás que haya en ese disco te toca borrarlo a ti.`,
  CHECKPOINT_DAMAGED: (data) =>
    `${failureText(errors, { code: "CHECKPOINT_DAMAGED", data, message: data.id })} Estaba entero cuando se guardó: vigila ese disco. Por él se quedan otros más antiguos.`,
  SAVED_ELSEWHERE: ({ folder }) =>
    `La carpeta de pesos no admitió el último guardado, así que está en otra, entero y verificado: ${folder}`,
  SAVED_IN_MEMORY: ({ folder }) =>
    `La carpeta de pesos no admitió el último guardado, ni ningún disco. Está en memoria, entero y verificado: ${folder}. Cópialo a un disco antes de apagar la máquina.`,
  ROOM_MADE: ({ ids }) =>
    `El disco estaba lleno, así que para hacer sitio a este guardado se han borrado otros más antiguos: ${ids.join(", ")}. Los más recientes se quedan.`,
  IMAGES_NOT_CACHED: ({ folders, reason, detail }) =>
    `No todas las imágenes decodificadas caben en memoria, y el disco no admite el resto: ${uncached[reason](folders.join(", "), detail)}. Se decodifican de nuevo cada vez, lo que puede frenar el entrenamiento; nada más cambia. La variable TMPDIR (TEMP en Windows) elige otra carpeta.`,
  SAMPLES_NOT_WRITTEN: (failure) =>
    `No se pudo escribir la imagen de muestra (${failureText(errors, failure)}). El entrenamiento continúa y los pesos no corren peligro.`,
};

/** The sentence of a warning. */
export function warningText({ code, data }: Warning): string {
  return (sentences[code] as (data: WarningData[WarningCode]) => string)(data);
}
