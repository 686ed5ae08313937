/** What the texts of both languages need to speak of images. */
import type { ImageProblem } from "../base/errors.js";

const dicomKinds: readonly string[] = [".dcm", ".dicom", "DICOM"];
export const isDicom = (kind: string): boolean => dicomKinds.includes(kind);

/** Items of a list that a sentence names. */
const most = 12;

/** The first dozen of a list, then how many more there are. */
export function shortened(items: readonly string[], rest: (more: number) => string): readonly string[] {
  return items.length <= most + 1 ? items : [...items.slice(0, most), rest(items.length - most)];
}

/** Our own reason why an image is not read, out of the message of its error; undefined for the decoder's words. */
export function packedProblem(reason: string): ImageProblem | undefined {
  const [, data] = /^IMAGE_NOT_READ (\{.*\})$/s.exec(reason) ?? [];
  return data === undefined ? undefined : (JSON.parse(data) as ImageProblem);
}
