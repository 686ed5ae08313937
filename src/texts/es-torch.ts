/** Qué le pasa a un archivo de PyTorch o safetensors, en español: para ir dentro de una frase. */
import type { ErrorData } from "../base/errors.js";
import type { TorchFeature, TorchPart, TorchPlace, TorchProblem } from "../base/torch-problem.js";
import { formats } from "./formats.js";

const { bytes, integer } = formats("es");

const looks = {
  "git-lfs": "es un puntero de Git LFS, no el archivo mismo (ejecuta git lfs pull)",
  "web-page": "es una página web, no el archivo que se quería descargar",
  gzip: "está comprimido con gzip (descomprímelo antes)",
  image: "es una imagen",
  safetensors: "parece un safetensors (ponle esa extensión)",
} as const;

const parts: Record<TorchPart, string> = {
  start: "el comienzo",
  "zip-directory": "el directorio del zip",
  "zip-end": "el final del zip",
  pickle: "el pickle",
  "storage-keys": "la lista de datos",
  storage: "los datos de un tensor",
  header: "la cabecera",
  end: "el final",
};

function partOf(where: TorchPlace["where"]): string {
  return typeof where === "string" ? parts[where] : where.record;
}

export function torchPlace({ where, opcode, offset }: TorchPlace): string {
  return [partOf(where), ...(opcode === undefined ? [] : [opcode]), `byte ${integer(offset)}`].join(", ");
}

export function torchProblem(problem: TorchProblem): string {
  switch (problem.reason) {
    case "not-torch":
      return problem.looksLike === undefined
        ? "no empieza como un archivo de PyTorch"
        : looks[problem.looksLike];
    case "empty":
      return "está vacío";
    case "zeros":
      return "solo contiene ceros, como tras un corte de luz";
    case "cut-off":
      return "está cortado";
    case "no-end":
      return "está cortado, o se le añadió algo al final";
    case "appended":
      return "contiene bytes que no pertenecen a nada";
    case "checksum":
      return "los datos han cambiado desde que se guardaron (CRC-32)";
    case "directory":
      return "el directorio del zip se contradice";
    case "header":
      return "la cabecera del registro y el directorio del zip se contradicen";
    case "overlap":
      return "un registro invade al siguiente";
    case "packing":
      return "los datos comprimidos están rotos";
    case "record-name":
      return `un registro se llama ${problem.name}, y ningún registro de PyTorch se llama así`;
    case "record-twice":
      return `hay dos registros ${problem.name}`;
    case "record-missing":
      return `falta el registro ${problem.name}`;
    case "record-size":
      return `un registro tiene ${integer(problem.bytes)} bytes, y sus tensores necesitan ${integer(problem.expected)}`;
    case "pickle":
      return "su contenido no tiene sentido";
    case "tensor":
      return "describe un tensor imposible";
    case "storage":
      return "describe los datos de un tensor de forma imposible";
    case "cycle":
      return "un valor se contiene a sí mismo";
    case "too-deep":
      return `hay más de ${integer(problem.levels)} valores unos dentro de otros`;
    case "memory":
      return `ocuparía ${bytes(problem.bytes)} de memoria, fuera de toda proporción`;
    case "endless":
      return "recorrerlo llevaría un tiempo fuera de toda proporción";
    case "json":
      return "la cabecera no es el JSON de un safetensors";
    case "entry":
      return `lo que dice la cabecera de ${problem.tensor} no cuadra`;
    case "structure":
      return "lo que guardapesos anotó al convertirlo ya no cuadra";
  }
}

export function torchFeature(content: TorchFeature): string {
  switch (content.feature) {
    case "encryption":
      return `contiene un registro cifrado (${content.record})`;
    case "packing":
      return `contiene un registro comprimido con el método ${integer(content.method)} (${content.record})`;
    case "torchscript":
      return "es un programa TorchScript (torch.jit.save)";
    case "tar":
      return "es un archivo tar, como los escribía PyTorch antes de 0.1.10";
    case "legacy-version":
      return "es de otra versión del formato antiguo";
    case "no-tensors":
      return "contiene un único valor que no es un tensor";
    case "hooks":
      return "contiene tensores con backward hooks";
    case "marked-tensors":
      return "contiene tensores marcados como conjugados o negados";
    case "whole-model":
      return `contiene un modelo guardado entero (${content.name})`;
    case "size":
      return `${partOf(content.where)} ocupa ${bytes(content.bytes)}, más de lo que se lee`;
    case "no-state-dict":
      return "no contiene ningún state_dict que se reconozca";
    case "dtype":
      return `contiene números de tipo ${content.dtype} (${content.tensor})`;
    case "not-in-safetensors":
      return `contiene algo que safetensors no admite (${content.what})`;
  }
}

type Unreadable = ErrorData["TORCH_FILE_UNREADABLE"];

/** La frase entera. */
export function torchUnreadable(file: string, reason: Unreadable["reason"], detail: string): string {
  switch (reason) {
    case "missing":
      return `No existe ${file}. Comprueba la ruta.`;
    case "not-a-file":
      return `${file} no es un archivo. Comprueba la ruta.`;
    case "shrank":
      return `${file} se ha acortado mientras se leía. Espera a que termine el programa que lo está escribiendo y repítelo.`;
    case "system":
      return `No se puede leer ${file} (${detail}). Comprueba la ruta y sus permisos.`;
  }
}
