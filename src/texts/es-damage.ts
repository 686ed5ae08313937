/** Qué le pasa a un checkpoint, o a lo que lo rodea, en español: para ir dentro de una frase. */
import type { Damage, Purpose } from "../base/errors.js";
import type { StoreProblem } from "../checkpoint/index.js";
import { torchFeature, torchPlace, torchProblem } from "./es-torch.js";
import { formats } from "./formats.js";

const { integer } = formats("es");

function fault(damage: Damage): string {
  switch (damage.reason) {
    case "missing":
      return "falta";
    case "unfinished":
      return "falta, así que el guardado no llegó a terminar";
    case "empty":
      return "está vacío";
    case "checksum":
      return "su SHA-256 es otro";
    case "not-json":
      return "no es JSON completo";
    case "not-canonical":
      return "tiene bytes que no son suyos";
    case "invalid":
      return `no es un manifiesto válido (${damage.detail})`;
    case "tensor-missing":
      return "falta el tensor";
    case "tensor-foreign":
      return "ese tensor no debería estar ahí";
    case "tensor-changed":
      return "sus números no son los que se guardaron";
    case "shape":
      return `su forma es ${damage.shape.join("x")}, no ${damage.expected.join("x")}`;
    case "size":
      return `tiene ${integer(damage.bytes)} bytes en vez de ${integer(damage.expected)}`;
    case "replaced":
      return "ya no es el mismo que hace un momento";
    case "other-pair":
      return "es de otro guardado";
    case "renamed":
      return `es de ${damage.other}`;
    case "unreadable":
      return `no se puede leer (${damage.detail})`;
    case "not-a-file":
      return damage.found === "link"
        ? "es un enlace, y aquí no se siguen enlaces"
        : `es ${damage.found === "folder" ? "una carpeta" : "una tubería o un dispositivo"}, no un archivo`;
    case "too-large":
      return `con ${integer(damage.bytes)} bytes es mayor que cualquiera que escriba guardapesos`;
    case "too-deep":
      return "tiene más niveles que cualquiera que escriba guardapesos";
    case "unsupported":
      return torchFeature(damage.content);
    case "torch":
      return `${torchProblem(damage.problem)} (${torchPlace(damage.place)})`;
    case "refused":
      return `pide ejecutar ${damage.name}`;
    case "newer-format":
      return `lo escribió un guardapesos más nuevo (formato ${damage.format})`;
    case "not-finite":
      return damage.values === 1
        ? "uno de sus valores no es un número"
        : `${integer(damage.values)} de sus valores no son números`;
  }
}

/** «critic.pth, weights/late.bias: sus números no son los que se guardaron». */
export function damageOf(damage: Damage): string {
  if (damage.reason === "not-finite" || damage.reason === "newer-format") return fault(damage);
  const place = damage.where === undefined ? damage.file : `${damage.file}, ${damage.where}`;
  return `${place}: ${fault(damage)}`;
}

const problems: Record<StoreProblem["what"], (name: string) => string> = {
  "emergency-names": (name) => `No se pudieron crear los archivos EMERGENCY de ${name}`,
  "familiar-names": (name) => `No se pudieron llevar los archivos de siempre a ${name}`,
  mark: (name) => `${name} está completo, pero no se pudo marcar como verificado`,
  journal: (name) => `No se pudo apuntar el guardado ${name} para las estadísticas`,
  removal: (name) => `No se pudo borrar ${name}`,
};

/** What the system's commonest codes mean. */
const system: Readonly<Record<string, string>> = {
  ENOSPC: "el disco está lleno",
  EDQUOT: "la cuota de este disco está agotada",
  EACCES: "este usuario no tiene permiso",
  EPERM: "este usuario no tiene permiso",
  EROFS: "el disco es de solo lectura",
  EIO: "el disco ha fallado",
  ENOENT: "no está",
  EBUSY: "otro programa lo está usando",
  ENOTEMPTY: "hay algo dentro",
  EMFILE: "hay demasiados archivos abiertos",
};

/** Why, in words where they are known, else in the system's own. */
const why = ({ errno, detail }: StoreProblem): string => {
  const words = errno === undefined ? undefined : system[errno];
  return words === undefined ? detail : `${words}, ${errno}`;
};

export function problemOf(problem: StoreProblem): string {
  return `${problems[problem.what](problem.name)} (${why(problem)}).`;
}

/** Qué está haciendo otro guardapesos. */
export const purposes: Record<Purpose, string> = {
  train: "un entrenamiento",
  prune: "una limpieza",
  restore: "una restauración",
  backup: "una copia de seguridad",
};
