/** What is said of images and their folders, in Spanish. */
import type { ErrorData, ImageProblem, LeftOut } from "../base/errors.js";
import type { ImageFault, ImageNote } from "../base/image-note.js";
import { formats } from "./formats.js";
import { isDicom, shortened } from "./image-words.js";

const { and, or, integer, figure } = formats("es");

const numberNames = {
  unsigned: "números enteros",
  signed: "números enteros con signo",
  float: "números de coma flotante",
  complex: "números complejos",
  unknown: "números de un tipo desconocido",
} as const;

/** Why an image is not read, and what to do. */
function imageProblem(problem: ImageProblem): string {
  switch (problem.problem) {
    case "dicom":
      return "es un archivo DICOM: expórtalo como PNG o TIFF, por ejemplo con dcm2img o dcmj2pnm";
    case "no-image":
      return "no es JPEG, PNG, WebP, TIFF, GIF ni BMP, diga lo que diga su nombre";
    case "empty":
      return "está vacío";
    case "bitmap":
      return "es un BMP cortado, comprimido o de un tipo poco común: guárdalo como PNG";
    case "animated-png":
      return "es un PNG animado: guarda sus imágenes una por una";
    case "not-finite":
      return "algunos de sus píxeles no son números (NaN o infinito): sustitúyelos";
    case "numbers":
      return `sus píxeles son ${numberNames[problem.format]} de ${problem.bits} bits: guárdalo con 8 o 16 bits, o en coma flotante de 32 bits`;
    case "colors":
      return problem.photometric === 6
        ? "sus colores están guardados como YCbCr sin JPEG: guárdalo como RGB"
        : `su forma de guardar los colores (la ${problem.photometric} de TIFF) no se lee: guárdalo en gris o RGB`;
    case "channels":
      return `tiene ${problem.channels} canales, que no son gris ni RGB, con o sin transparencia: deja los que importan`;
    case "slices":
      return `una de sus páginas contiene ${integer(problem.slices)} imágenes: guarda cada una como página o como archivo`;
  }
}

/** The reason in words, whether it is ours or the decoder's. */
export function imageReason({ reason, problem }: ImageFault): string {
  return problem ? imageProblem(problem) : reason;
}

/** "6 .dcm (DICOM), 3 .txt y 2 sin extensión". */
const leftOutKinds = (kinds: readonly LeftOut[]): string => {
  const named = kinds.map(({ kind, count }) => {
    const name = kind === "" ? "sin extensión" : kind;
    return `${integer(count)} ${name}${isDicom(kind) && kind !== "DICOM" ? " (DICOM)" : ""}`;
  });
  return and(shortened(named, (more) => `${integer(more)} tipos más`));
};

const exportDicom = "Exporta antes los DICOM como PNG o TIFF, por ejemplo con dcm2img o dcmj2pnm.";
const names = (all: readonly string[]): string => or(shortened(all, (more) => `${integer(more)} más`));

export const imageErrors = {
  NO_IMAGES: ({ folder, leftOut }: ErrorData["NO_IMAGES"]): string => {
    const only = leftOut.length === 0 ? "" : `, solo archivos que no se leen: ${leftOutKinds(leftOut)}`;
    const way = leftOut.some(({ kind }) => isDicom(kind)) ? ` ${exportDicom}` : "";
    return `No hay imágenes en ${folder}${only}.${way} Pon ahí archivos JPEG, PNG, WebP, TIFF, GIF o BMP, o quita --data para entrenar con imágenes sintéticas.`;
  },
  UNKNOWN_CLASS: ({ folder, wanted, classes, places }: ErrorData["UNKNOWN_CLASS"]): string => {
    if (places.length > 0) {
      const parent = places[0]!.slice(0, places[0]!.lastIndexOf("/"));
      return `Hay varias carpetas ${wanted} en ${folder}: ${names(places)}. Da con --data la carpeta que contiene la que quieres, por ejemplo --data ${folder}/${parent} --class ${wanted}.`;
    }
    return classes.length === 0
      ? `${folder} no tiene carpetas de clases, así que no hay una clase ${wanted}. Quita --class para entrenar con las imágenes que contiene.`
      : `No hay una clase ${wanted} en ${folder}. Elige ${names(classes)} con --class.`;
  },
  CLASS_NEEDED: ({ folder, inside, classes, deeper, together }: ErrorData["CLASS_NEEDED"]): string => {
    const data = inside ? `--data ${folder} ` : "";
    const [first = ""] = deeper;
    return [
      `${folder} contiene ${integer(classes.length + deeper.length)} carpetas con imágenes, no imágenes.`,
      classes.length === 0 ? "" : ` Di con cuál quieres entrenar con ${data}--class: ${names(classes)}.`,
      together
        ? ` Si cada una es de un paciente y todas son de la clase que quieres, entrena con todas juntas con ${data}--class .`
        : "",
      deeper.length === 0
        ? ""
        : ` ${and(shortened(deeper, (more) => `${integer(more)} más`))} ${deeper.length === 1 ? "contiene a su vez carpetas: míralas" : "contienen a su vez carpetas: mira una"} con --data ${folder}/${first}.`,
    ].join("");
  },
  IMAGES_UNREADABLE: ({ folder, first, ...fault }: ErrorData["IMAGES_UNREADABLE"]): string =>
    `No se puede leer ninguna imagen de ${folder}; la primera, ${first}, falla así: ${imageReason(fault)}. Comprueba que sean archivos JPEG, PNG, WebP, TIFF, GIF o BMP completos.`,
  IMAGE_NOT_READ: (problem: ImageProblem): string => `La imagen no se puede usar: ${imageProblem(problem)}.`,
};

const typeNames = {
  uint16: "16 bits",
  uint32: "32 bits",
  int8: "8 bits con signo",
  int16: "16 bits con signo",
  int32: "32 bits con signo",
  float16: "16 bits en coma flotante",
  float32: "32 bits en coma flotante",
} as const;

/** A note as lines. */
export function imageNote(note: ImageNote): readonly string[] {
  switch (note.type) {
    case "images-left-out": {
      const way = note.kinds.some(({ kind }) => isDicom(kind)) ? ` ${exportDicom}` : "";
      return [`⚠ Quedan fuera, porque no son imágenes que se lean: ${leftOutKinds(note.kinds)}.${way}`];
    }
    case "image-stacks":
      return [
        ...(note.files === 0
          ? []
          : [
              `💡 ${integer(note.files)} ${note.files === 1 ? "archivo contiene" : "archivos contienen"} varias imágenes, ${integer(note.images)} en total: cada página es una imagen.`,
            ]),
        ...(note.thumbnails === 0
          ? []
          : [`💡 ${integer(note.thumbnails)} páginas son solo copias reducidas de otras, y quedan fuera.`]),
      ];
    case "images-examining":
      return [`Mirando los archivos: ${integer(note.done)}/${integer(note.total)}`];
    case "pixel-range": {
      const { numbers, images, min, max, black, white } = note;
      return [
        `💡 ${integer(images)} ${images === 1 ? "imagen" : "imágenes"} de ${typeNames[numbers]}, con valores de ${figure(min)} a ${figure(max)}: en todas, ${figure(black)} es negro y ${figure(white)} es blanco.`,
      ];
    }
    case "images-unusable": {
      const reasons = note.reasons.map(({ count, ...fault }) => `${integer(count)}: ${imageReason(fault)}`);
      return [
        `⚠ ${integer(note.unusable)} de ${integer(note.unusable + note.images)} imágenes no se pueden usar y quedan fuera:`,
        ...shortened(reasons, (more) => `${integer(more)} motivos más`).map((line) => `   ${line}`),
      ];
    }
    case "images-flat":
      return [
        `⚠ ${integer(note.flat)} de ${integer(note.images)} imágenes son de un solo brillo, como ${note.first}. Mira la muestra de imágenes reales.`,
      ];
  }
}
