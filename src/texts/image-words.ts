/** What the texts of both languages need to speak of images. */
const dicomKinds: readonly string[] = [".dcm", ".dicom", "DICOM"];
export const isDicom = (kind: string): boolean => dicomKinds.includes(kind);

/** Items of a list that a sentence names. */
const most = 12;

/** The first dozen of a list, then how many more there are. */
export function shortened(items: readonly string[], rest: (more: number) => string): readonly string[] {
  return items.length <= most + 1 ? items : [...items.slice(0, most), rest(items.length - most)];
}
