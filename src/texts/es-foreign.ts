/** Lo que se dice en español de los checkpoints que escribieron otros programas. */
import type { FolderProblem, ForeignKind, UnreadPart, Unseen } from "../base/folder-problem.js";
import type { ForeignTexts } from "./en-foreign.js";
import { torchFeature, torchProblem } from "./es-torch.js";
import { formats } from "./formats.js";

const { and, bytes, integer } = formats("es");

const kinds: Record<ForeignKind, string> = {
  "hf-trainer": "un checkpoint del Trainer de Hugging Face",
  shards: "pesos en varios archivos",
  accelerate: "un checkpoint de Accelerate",
  dcp: "un checkpoint distribuido (torch.distributed.checkpoint)",
  lightning: "un checkpoint de Lightning",
  torch: "un archivo de PyTorch",
  safetensors: "un archivo safetensors",
};

const unseenWords: Record<Unseen, string> = {
  checksums: "si los números son los que se guardaron (se escribió sin sumas de comprobación)",
  unchecked: "si hay daños dentro de los archivos cuyo formato no tiene sumas de comprobación",
  "one-save": "si todos sus archivos son del mismo guardado",
  "file-list": "si falta un archivo que nada nombra",
  content: "qué hay en las partes que aquí no se leen",
  "all-zeros": "si se guardó con todos los números a 0 o los perdió en un corte de luz",
};

const MOST = 5;

/** @param path the checkpoint; a file that is all of it is not named again */
function problemOf(path: string, problem: FolderProblem): string {
  const { file } = problem;
  switch (problem.reason) {
    case "missing":
      return `falta ${file}`;
    case "short":
      return `${file} tiene ${integer(problem.bytes)} bytes y necesita ${integer(problem.expected)}`;
    case "damaged":
      return `${path.endsWith(file) ? "" : `${file}: `}${torchProblem(problem.problem)}`;
    case "item":
      return `${file}, ${problem.item}: ${torchProblem(problem.problem)}`;
    case "json":
      return `${file} no es el JSON que tiene que ser`;
    case "not-renamed":
      return `${file} está completo y no llegó a tener su nombre: el guardado se cortó justo antes de acabar (con el nombre ${file.replace(/\.tmp$/, "")} el checkpoint queda entero)`;
    case "tensor-missing":
      return `no está ${problem.tensor}, que ${file} tendría que contener o situar`;
    case "tensor-extra":
      return `${file} contiene ${problem.tensor}, que el índice no le atribuye`;
    case "tensor-differs":
      return `${problem.tensor}, en ${file}, es de otro tipo o forma de lo que dice la tabla`;
  }
}

function unreadOf(part: UnreadPart): string {
  const what = part.feature === "name" ? `nombra ${part.name}, que aquí no se lee` : torchFeature(part);
  return `${part.file}: ${what}`;
}

export const foreign: ForeignTexts = {
  watching: (path, folder, series) =>
    `👀 Se observa ${path}: cada checkpoint terminado se guarda en ${folder} (${series}). En ${path} nunca se cambia nada; Ctrl+C acaba de observar, y no el entrenamiento.`,
  watched: ({ kept, broken, unfinished }) => [
    kept.length === 0
      ? "💡 No había nada nuevo que guardar."
      : `✅ Guardado: ${and(kept.slice(-MOST))}${kept.length > MOST ? ` y ${integer(kept.length - MOST)} antes` : ""}`,
    ...(broken.length === 0
      ? []
      : [
          `❌ No están enteros y no se guardan: ${and(broken.slice(0, MOST))}. Lo guardado antes está entero.`,
        ]),
    ...(unfinished.length === 0
      ? []
      : [`⏳ Aún se escribían al acabar de observar y no se guardan: ${and(unfinished.slice(0, MOST))}.`]),
  ],
  found: (path, kind, size, files, { step, epoch }) => {
    const facts = [
      bytes(size),
      ...(files > 1 ? [`${integer(files)} archivos`] : []),
      ...(step === undefined ? [] : [`paso ${integer(step)}`]),
      ...(epoch === undefined ? [] : [`época ${integer(epoch)}`]),
    ];
    return `📦 ${path}: ${kinds[kind]}, ${facts.join(", ")}`;
  },
  whole: (path, size) =>
    `✅ ${path} está entero (${bytes(size)} leídos; todas las sumas de comprobación cuadran)`,
  unknown: (path, size, unseen) =>
    `⚠ ${path}: no se ve nada mal (${bytes(size)} leídos). Sus archivos no dejan ver ${and(unseen.map((fact) => unseenWords[fact]))}; por eso no se da por verificado.`,
  notWhole: (path, problems) => {
    const said = problems.slice(0, MOST).map((problem) => problemOf(path, problem));
    const more = problems.length > MOST ? [`${integer(problems.length - MOST)} más`] : [];
    return `❌ ${path} no está entero: ${[...said, ...more].join("; ")}. Se deja como está; sigue desde un checkpoint anterior.`;
  },
  unread: (parts) => `💡 Bien hasta donde se ve, y sin leer: ${and(parts.slice(0, MOST).map(unreadOf))}`,
};
