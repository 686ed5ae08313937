/** Lo que dicen en español los comandos que cuidan de los checkpoints. */
import type { RemoveReason } from "../checkpoint/index.js";
import type { StoreTexts } from "./en-store.js";
import { damageOf, problemOf, purposes } from "./es-damage.js";
import { formats } from "./formats.js";

const { and, bytes, decimal, duration, integer, moment, percent } = formats("es");

const plural = (count: number, one: string, many: string): string =>
  `${integer(count)} ${count === 1 ? one : many}`;

const removeReasons: Record<RemoveReason, string> = {
  "names-deleted-by-hand": "borraste sus archivos EMERGENCY",
  "enough-newer-of-kind": "hay bastantes más recientes de su tipo",
  "not-verified": "nunca se ha verificado",
  "not-finite": "no todos sus valores son números",
};

const fsyncTime = (milliseconds: number): string => `${decimal(milliseconds, 2)} ms`;
const saves = (count: number): string =>
  `cabe${count === 1 ? "" : "n"} ${plural(count, "guardado", "guardados")} más`;
const notNumbers = (count: number): string =>
  plural(count, "valor no es un número", "valores no son números");

export const store: StoreTexts = {
  problem: problemOf,
  notes: {
    keptByHand: "conservado a mano",
    nameRemoved: "archivos EMERGENCY borrados: se va con la próxima limpieza",
    notFinite: notNumbers,
    phantoms: "(sintéticas)",
  },
  backups: (names) =>
    `🗄 Copias de seguridad, la más reciente primero: ${names.join(", ")}. guardapesos restaurar recupera una.`,
  prune: {
    going: (id, size, reason) => `🧹 ${id} (${bytes(size)}): ${removeReasons[reason]}`,
    total: (count, freed, dryRun) =>
      dryRun
        ? `Se ${count === 1 ? "iría" : "irían"} ${plural(count, "checkpoint", "checkpoints")} y quedarían libres ${bytes(freed)} más. No se ha borrado nada; quita --dry-run para hacerlo.`
        : `✅ ${plural(count, "checkpoint borrado", "checkpoints borrados")}, ${bytes(freed)} liberados.`,
    nothing: (kept) =>
      `✅ No hay nada que borrar: ${kept === 1 ? "el único checkpoint se queda" : `los ${integer(kept)} checkpoints se quedan`}.`,
    damaged: (id, damage) =>
      `${id} ya no está entero: ${damageOf(damage)}. Se ha dejado como está, y por él se quedan otros más antiguos.`,
  },
  backup: {
    made: (folder, id, size) => `✅ ${id} está copiado en ${folder} y verificado allí (${bytes(size)})`,
    already: (name, folder, age) =>
      `✅ Hoy ya tiene su copia, ${name} en ${folder}, de hace ${duration(Math.floor(age))}; un checkpoint más reciente ocupa su lugar cuando pasan seis horas. Quita --daily para hacerla ahora.`,
    removed: (names) => `   Borradas, porque las hay más recientes: ${names.join(", ")}`,
  },
  restore: {
    columns: { backup: "copia", saved: "guardada" },
    question: (newest) =>
      `¿Restaurar ${newest}? (s: sí; el nombre de otra: esa; cualquier otra cosa: ninguna) `,
    yes: /^(?:s|si|sí|y|yes)$/i,
    aside: (path) => `   Lo que había antes: ${path}`,
    declined: "No se ha restaurado nada ni se ha tocado nada.",
    done: (id, from) =>
      `✅ ${from} vuelve a ser el checkpoint más reciente, como ${id}; guardapesos entrenar sigue desde él. No se ha borrado nada.`,
    doneGuarded: (id, from) =>
      `✅ ${from} vuelve a ser el checkpoint más reciente de su script, como ${id}. No se ha borrado nada.`,
  },
  stop: {
    asked: (pid, since, host) =>
      `🛑 Se ha pedido al proceso ${pid}${host === undefined ? "" : ` de ${host}`} (desde ${moment(since)}) que pare. Esperando a que sus pesos estén a salvo; Ctrl+C aquí solo termina la espera...`,
    nothing: (folder) => `No hay ningún entrenamiento en marcha en ${folder}: no hay nada que parar.`,
    busy: (purpose, pid, host) =>
      `   Alguien se ocupa de sus checkpoints (${purposes[purpose]}, proceso ${pid}${host === undefined ? "" : ` de ${host}`}); eso termina solo.`,
  },
  kept: (id) =>
    `📌 ${id} se queda hasta que digas lo contrario: nadie lo borra más que tú (guardapesos conservar ${id} --undo).`,
  released: (id) => `✅ ${id} vuelve a ser como los demás: se irá cuando haya bastantes más recientes.`,
  stats: (stats) => [
    [
      "Checkpoints",
      `${integer(stats.generations)}${stats.damaged === 0 ? "" : `, y ${plural(stats.damaged, "dañado", "dañados")}`}`,
    ],
    ["Guardados que fallaron", integer(stats.failed)],
    ["Tiempo guardando, mientras se entrena", duration(stats.secondsSaving)],
    [
      "Parte del tiempo de entrenamiento",
      stats.trained === 0 ? "-" : percentOf(stats.secondsSaving / stats.trained),
    ],
    ["Escrito en total", bytes(stats.bytesWritten)],
    ["Tiempo habitual entre guardados", stats.interval === undefined ? "-" : duration(stats.interval)],
    [
      "Último guardado verificado",
      stats.lastVerified === undefined
        ? "-"
        : `hace ${duration(Math.floor(stats.lastVerified.age))} (${stats.lastVerified.id})`,
    ],
    ["Espacio: checkpoints", bytes(stats.spaceUsed.generations)],
    ["Espacio: copias de seguridad", bytes(stats.spaceUsed.backups)],
    ["Espacio: reserva para una emergencia", bytes(stats.spaceUsed.ballast)],
    ["Libre en el disco", stats.free === undefined ? "-" : bytes(stats.free)],
    ["Guardados que aún caben", stats.savesLeft === undefined ? "-" : integer(stats.savesLeft)],
  ],
  seriesColumns: ["checkpoints", "tamaño", "el más reciente", "edad"],
  statsColumns: ["tipo", "guardados", "tiempo", "escrito"],
  finding: {
    "no-folder": ({ folder }) => `${folder} aún no existe; el entrenamiento la crea.`,
    writable: ({ folder }) => `Se puede escribir en ${folder}.`,
    "not-writable": ({ folder, reason }) =>
      `No se puede escribir en ${folder} (${reason}). Cambia sus permisos o indica otra con --weights.`,
    links: () => "El disco tiene enlaces duros: los nombres de siempre no ocupan espacio propio.",
    "no-links": ({ reason }) =>
      `El disco no tiene enlaces duros (${reason}): los nombres de siempre son copias, y un checkpoint ocupa el doble. Es mejor un disco con NTFS, ext4 o APFS.`,
    fsync: ({ milliseconds }) =>
      `Lo que se escribe llega al disco (${fsyncTime(milliseconds)} para un archivo pequeño).`,
    "fsync-failed": ({ reason }) =>
      `El disco se niega a confirmar lo escrito (${reason}). No le confíes los pesos; indica otra carpeta con --weights.`,
    "fsync-too-quick": ({ milliseconds }) =>
      `El disco confirma antes de lo que ningún disco puede (${fsyncTime(milliseconds)}): es memoria, o un disco que miente. Un corte de luz puede llevarse los últimos guardados; ten copias en otro lugar (guardapesos respaldar CARPETA).`,
    space: ({ free, savesLeft }) =>
      `Quedan ${bytes(free)} libres${savesLeft === undefined ? "" : `: ${saves(savesLeft)}`}.`,
    "space-short": ({ free, savesLeft, prunable }) =>
      `Solo quedan ${bytes(free)} libres: ${saves(savesLeft)}. ${prunable > 0 ? `guardapesos limpiar libera ${bytes(prunable)} (--dry-run muestra qué se borraría).` : "Ningún checkpoint se puede borrar: borra otros archivos de ese disco, o indica con --weights una carpeta en otro."}`,
    clock: () => "El reloj del ordenador y el del disco coinciden.",
    "clock-off": ({ seconds }) =>
      `El reloj se desvía ${duration(seconds)}, o se desviaba al guardar algo. Ponlo en hora; el orden de los checkpoints no depende de él, sus edades sí.`,
    leftovers: ({ names }) =>
      `Restos de guardados o borrados interrumpidos: ${names.join(", ")}. El próximo entrenamiento los quita por sí solo.`,
    damaged: ({ code, level, id, ...damage }) =>
      `${id} está dañado: ${damageOf(damage)}. Se salta y se deja como está; borra su carpeta cuando ya no la necesites.`,
    "not-verified": ({ id }) =>
      `${id} no se ha releído desde que se guardó. guardapesos verificar ${id} lo hace ahora; el próximo entrenamiento, por sí solo.`,
    "not-finite": ({ id, values, good }) =>
      `El entrenamiento había divergido al guardar ${id}: ${notNumbers(values)}. ${good === undefined ? "No hay ninguno bueno: empieza de cero con --fresh y un --lr menor." : `Se sigue desde ${good}; usa un --lr menor.`}`,
    "name-missing": ({ name }) => `Falta ${name}. El próximo entrenamiento lo vuelve a crear.`,
    "backup-ahead": ({ names }) =>
      `Copias con fecha futura: ${names.join(", ")}. El reloj iba mal cuando se hicieron; cuál es más reciente no depende de él. Borra sus carpetas cuando no las necesites.`,
    "backup-damaged": ({ code, level, id, ...damage }) =>
      `La copia ${id} está dañada: ${damageOf(damage)}. Borra su carpeta; guardapesos respaldar hace otra.`,
    "no-backup": () =>
      "No hay ninguna copia de seguridad. guardapesos respaldar hace una; el entrenamiento, una al día.",
    backup: ({ name, age }) => `La copia más reciente es ${name}, de hace ${duration(Math.floor(age))}.`,
    "backup-old": ({ name, age }) =>
      `La copia más reciente, ${name}, es de hace ${duration(Math.floor(age))}. guardapesos respaldar hace una nueva.`,
    checkpoints: ({ count, newest }) =>
      `${plural(count, "checkpoint", "checkpoints")}; el más reciente es ${newest}.`,
    "no-checkpoints": ({ pairs }) =>
      pairs.length === 0
        ? "Todavía no hay checkpoints."
        : `Todavía no hay checkpoints; el entrenamiento puede seguir desde estos archivos: ${pairs.map(and).join("; ")}.`,
  },
  levels: { fine: "bien", note: "nota", problem: "PROBLEMA" },
  verdict: (problems) =>
    problems === 0
      ? "✅ Todo está bien."
      : `❌ ${plural(problems, "cosa necesita", "cosas necesitan")} tu atención: mira arriba.`,
};

function percentOf(share: number): string {
  return share > 0 && share < 0.01 ? "< 1 %" : percent(Math.min(1, share));
}
