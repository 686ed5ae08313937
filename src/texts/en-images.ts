/** What is said of images and their folders, in English. */
import type { ErrorData, ImageProblem, LeftOut } from "../base/errors.js";
import type { ImageFault, ImageNote } from "../base/image-note.js";
import { formats } from "./formats.js";
import { isDicom, shortened } from "./image-words.js";

const { and, or, integer, figure } = formats("en");

const numberNames = {
  unsigned: "whole numbers",
  signed: "signed whole numbers",
  float: "floating-point numbers",
  complex: "complex numbers",
  unknown: "numbers of an unknown kind",
} as const;

/** Why an image is not read, and what to do. */
function imageProblem(problem: ImageProblem): string {
  switch (problem.problem) {
    case "dicom":
      return "it is a DICOM file: export it as PNG or TIFF, with dcm2img or dcmj2pnm for example";
    case "no-image":
      return "it is no JPEG, PNG, WebP, TIFF, GIF or BMP, whatever its name says";
    case "empty":
      return "it is empty";
    case "bitmap":
      return "it is a BMP that is cut off, compressed, or of an unusual kind: save it as PNG";
    case "animated-png":
      return "it is an animated PNG: save its pictures one by one";
    case "not-finite":
      return "some of its pixels are not numbers (NaN or infinite): replace them";
    case "numbers":
      return `its pixels are ${numberNames[problem.format]} of ${problem.bits} bits: save it with 8 or 16 bits, or as 32-bit floating point`;
    case "colors":
      return problem.photometric === 6
        ? "its colours are stored as YCbCr without JPEG: save it as RGB"
        : `its way to store colours (${problem.photometric} in TIFF) is not read: save it as grey or RGB`;
    case "channels":
      return `it has ${problem.channels} channels, which are neither grey nor RGB, with or without transparency: keep those that you mean`;
    case "slices":
      return `one page of it holds ${integer(problem.slices)} images: save each as a page, or as a file`;
  }
}

/** The reason in words, whether it is ours or the decoder's. */
export function imageReason({ reason, problem }: ImageFault): string {
  return problem ? imageProblem(problem) : reason;
}

/** "6 .dcm (DICOM), 3 .txt and 2 without an ending". */
const leftOutKinds = (kinds: readonly LeftOut[]): string => {
  const named = kinds.map(({ kind, count }) => {
    const name = kind === "" ? "without an ending" : kind;
    return `${integer(count)} ${name}${isDicom(kind) && kind !== "DICOM" ? " (DICOM)" : ""}`;
  });
  return and(shortened(named, (more) => `${integer(more)} other kinds`));
};

const exportDicom = "Export DICOM as PNG or TIFF first, with dcm2img or dcmj2pnm for example.";
const names = (all: readonly string[]): string => or(shortened(all, (more) => `${integer(more)} more`));

export const imageErrors = {
  NO_IMAGES: ({ folder, leftOut }: ErrorData["NO_IMAGES"]): string => {
    const only = leftOut.length === 0 ? "" : `, only files that are not read: ${leftOutKinds(leftOut)}`;
    const way = leftOut.some(({ kind }) => isDicom(kind)) ? ` ${exportDicom}` : "";
    return `There are no images in ${folder}${only}.${way} Put JPEG, PNG, WebP, TIFF, GIF or BMP files there, or leave --data out to train on generated phantoms.`;
  },
  UNKNOWN_CLASS: ({ folder, wanted, classes, places }: ErrorData["UNKNOWN_CLASS"]): string => {
    if (places.length > 0) {
      const parent = places[0]!.slice(0, places[0]!.lastIndexOf("/"));
      return `There are several folders ${wanted} in ${folder}: ${names(places)}. Give the folder that holds the one you mean with --data, such as --data ${folder}/${parent} --class ${wanted}.`;
    }
    return classes.length === 0
      ? `${folder} has no class folders, so there is no class ${wanted}. Leave --class out to train on the images in it.`
      : `There is no class ${wanted} in ${folder}. Choose ${names(classes)} with --class.`;
  },
  CLASS_NEEDED: ({ folder, inside, classes, deeper, together }: ErrorData["CLASS_NEEDED"]): string => {
    const data = inside ? `--data ${folder} ` : "";
    const [first = ""] = deeper;
    return [
      `${folder} holds ${integer(classes.length + deeper.length)} folders with images, not images.`,
      classes.length === 0 ? "" : ` Say which one to train on with ${data}--class: ${names(classes)}.`,
      together
        ? ` If each of them is a patient, and all are of the class that you want, train on all of them together with ${data}--class .`
        : "",
      deeper.length === 0
        ? ""
        : ` ${and(shortened(deeper, (more) => `${integer(more)} more`))} ${deeper.length === 1 ? "holds folders itself: look into it" : "hold folders themselves: look into one"} with --data ${folder}/${first}.`,
    ].join("");
  },
  IMAGES_UNREADABLE: ({ folder, first, ...fault }: ErrorData["IMAGES_UNREADABLE"]): string =>
    `Not one image in ${folder} can be read; the first, ${first}, fails with: ${imageReason(fault)}. Check that they are whole JPEG, PNG, WebP, TIFF, GIF or BMP files.`,
  IMAGE_NOT_READ: (problem: ImageProblem): string => `The image cannot be used: ${imageProblem(problem)}.`,
};

const typeNames = {
  uint16: "16-bit",
  uint32: "32-bit",
  int8: "signed 8-bit",
  int16: "signed 16-bit",
  int32: "signed 32-bit",
  float16: "16-bit floating-point",
  float32: "32-bit floating-point",
} as const;

/** A note as lines. */
export function imageNote(note: ImageNote): readonly string[] {
  switch (note.type) {
    case "images-left-out": {
      const way = note.kinds.some(({ kind }) => isDicom(kind)) ? ` ${exportDicom}` : "";
      return [`⚠ Left out, because they are no images that can be read: ${leftOutKinds(note.kinds)}.${way}`];
    }
    case "image-stacks":
      return [
        ...(note.files === 0
          ? []
          : [
              `💡 ${integer(note.files)} ${note.files === 1 ? "file holds" : "files hold"} several images, ${integer(note.images)} in all: each page is an image of its own.`,
            ]),
        ...(note.thumbnails === 0
          ? []
          : [`💡 ${integer(note.thumbnails)} pages are only smaller copies of others, and are left out.`]),
      ];
    case "images-examining":
      return [`Looking into the files: ${integer(note.done)}/${integer(note.total)}`];
    case "pixel-range": {
      const { numbers, images, min, max, black, white } = note;
      return [
        `💡 ${integer(images)} ${typeNames[numbers]} ${images === 1 ? "image" : "images"}, values from ${figure(min)} to ${figure(max)}: in every one ${figure(black)} is black and ${figure(white)} is white.`,
      ];
    }
    case "images-unusable": {
      const reasons = note.reasons.map(({ count, ...fault }) => `${integer(count)}: ${imageReason(fault)}`);
      return [
        `⚠ ${integer(note.unusable)} of ${integer(note.unusable + note.images)} images cannot be used and are left out:`,
        ...shortened(reasons, (more) => `${integer(more)} more reasons`).map((line) => `   ${line}`),
      ];
    }
    case "images-flat":
      return [
        `⚠ ${integer(note.flat)} of ${integer(note.images)} images are one single brightness, such as ${note.first}. Look at the picture of real images.`,
      ];
  }
}
