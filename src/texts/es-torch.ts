/** Qué le pasa a un archivo de PyTorch o safetensors, en español: para ir dentro de una frase. */
import type { ErrorData } from "../base/errors.js";
import type { TorchFeature, TorchLook, TorchPart, TorchPlace, TorchProblem } from "../base/torch-problem.js";
import { formats } from "./formats.js";

const { bytes, integer } = formats("es");

const looks: Record<TorchLook, string> = {
  "git-lfs": "es un puntero de Git LFS, no el archivo mismo",
  "web-page": "es una página web, no el archivo que se quería descargar",
  json: "es un texto JSON, no un archivo de pesos",
  gzip: "está comprimido con gzip",
  image: "es una imagen",
  torch: "es un archivo de PyTorch",
  safetensors: "es un archivo safetensors",
  zip: "es un archivo zip, y no uno de PyTorch",
  hdf5: "es un archivo HDF5, como los escribe Keras",
  gguf: "es un archivo GGUF, como los usa llama.cpp",
};

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
      return "es un programa TorchScript (torch.jit.save), no un checkpoint";
    case "exported-program":
      return "es un programa exportado (torch.export.save), no un checkpoint";
    case "torch-package":
      return "es un paquete de código y modelos (torch.package), no un checkpoint";
    case "distributed-data":
      return "es la parte de un proceso de un checkpoint distribuido (torch.distributed.checkpoint)";
    case "distributed-metadata":
      return "es la tabla de un checkpoint distribuido (torch.distributed.checkpoint), y no contiene pesos";
    case "index":
      return "es el índice de un modelo repartido en varios archivos, y no contiene pesos";
    case "pickle":
      return "es un pickle de Python, no un archivo de torch.save";
    case "compound":
      return `${content.tensor} es ${compounds[content.layout] ?? `un tensor con la disposición ${content.layout}`}, y hacen falta números simples`;
    case "layout":
      return `contiene un tensor con una disposición desconocida (${content.layout})`;
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

/** Clases de tensores que son más que una vista de unos datos, por su nombre en torch. */
const compounds: Readonly<Record<string, string>> = {
  sparse_coo: "un tensor disperso",
  sparse_csr: "un tensor disperso",
  sparse_csc: "un tensor disperso",
  sparse_bsr: "un tensor disperso",
  sparse_bsc: "un tensor disperso",
  nested: "un tensor anidado",
  distributed: "la parte de un proceso de un tensor distribuido",
  meta: "un tensor sin números (dispositivo meta)",
  packed: "un tensor cuantizado",
  quantised: "un tensor cuantizado",
  "unknown-type": "un tensor de un tipo que aquí no se conoce",
};

const again = "Ábrelo en PyTorch y vuelve a guardar su state_dict.";

/** Qué hacer en PyTorch con un tensor compuesto. */
const plainly: Readonly<Record<string, string>> = {
  nested: "Guarda en su lugar los tensores que lo forman (.unbind()).",
  distributed: "Guarda en su lugar su .full_tensor(), en PyTorch.",
  meta: "Guárdalo desde un modelo que tenga sus pesos.",
  packed: "Guarda en su lugar su .dequantize(), en PyTorch.",
  quantised: "Guarda en su lugar su .dequantize(), en PyTorch.",
  "unknown-type": "Guarda en su lugar su .float(), en PyTorch.",
};

/** Qué hacer con un archivo bueno de una clase que no se admite. @param file su nombre */
export function torchFeatureAdvice(file: string, content: TorchFeature): string {
  switch (content.feature) {
    case "torchscript":
      return "Guarda sus pesos en PyTorch: torch.save(torch.jit.load(ARCHIVO).state_dict(), ARCHIVO_NUEVO).";
    case "exported-program":
      return "Guarda sus pesos en PyTorch: torch.save(torch.export.load(ARCHIVO).state_dict, ARCHIVO_NUEVO).";
    case "distributed-data":
    case "distributed-metadata":
      return "Haz con PyTorch un solo archivo de su carpeta: python -m torch.distributed.checkpoint.format_utils dcp_to_torch CARPETA ARCHIVO_NUEVO.pth.";
    case "index":
      return "Indica los archivos que nombra, que están a su lado.";
    case "pickle":
      return "Indica el archivo en que torch.save guardó los pesos.";
    case "whole-model":
      return `guardapesos inspeccionar --skip-unknown muestra sus tensores. ${again}`;
    case "compound":
      return plainly[content.layout] ?? "Guarda en su lugar su .to_dense(), en PyTorch.";
    case "marked-tensors":
      return "Guarda en su lugar su .resolve_conj().resolve_neg(), en PyTorch.";
    case "dtype":
      return "Guárdalo con otro tipo, en PyTorch: .float().";
    case "not-in-safetensors":
      return "Déjalo como .pth.";
    case "size":
      return "Guarda en PyTorch solo los pesos de la red, sin lo demás que contiene.";
    case "no-state-dict":
    case "no-tensors":
      return `guardapesos inspeccionar ${quoted(file)} muestra lo que contiene.`;
    default:
      return again;
  }
}

/** Qué hacer con un archivo que no sirve. @param file su nombre */
export function torchProblemAdvice(file: string, problem: TorchProblem): string {
  const looksLike = problem.reason === "not-torch" ? problem.looksLike : undefined;
  switch (looksLike) {
    case "git-lfs":
      return "Trae el archivo mismo: git lfs pull.";
    case "web-page":
      return "Descárgalo otra vez; quizá la página diga por qué no se entregó.";
    case "gzip":
      return "Descomprímelo antes.";
    case "torch":
      return "Ponle la extensión .pth.";
    case "safetensors":
      return file.toLowerCase().endsWith(".safetensors")
        ? `guardapesos convertir ${quoted(file)} ${quoted(`${file.slice(0, -".safetensors".length)}.pth`)} hace de él uno que aquí sirve.`
        : "Ponle la extensión .safetensors.";
    case "json":
    case "image":
    case "zip":
    case "hdf5":
    case "gguf":
      return "Indica el archivo que tiene los pesos, un .pth o un .safetensors.";
    case undefined:
      return "Usa otra copia o un checkpoint anterior (guardapesos listar los muestra).";
  }
}

/** Una ruta como se teclea: las comillas dobles valen en todas las consolas. */
function quoted(path: string): string {
  return /[^\w@%+=:,./\\-]/.test(path) ? `"${path}"` : path;
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
