/** What commands do the work with, loaded only by the command that needs it: `--help` must not wait for the engine. */

/** Each member loads its modules when called; tests put others in their place. */
export interface Services {
  readonly training: () => Promise<
    Pick<typeof import("../training/run.js"), "run"> &
      Pick<typeof import("../training/stop.js"), "createStop">
  >;
  readonly generating: () => Promise<
    Pick<typeof import("../training/generate.js"), "openGenerator"> &
      Pick<
        typeof import("../progan/picture.js"),
        "createGrid" | "isPictureName" | "isTaken" | "numberedPictures" | "pictureEndings"
      >
  >;
}

export const loadedServices: Services = {
  training: async () => {
    const [{ run }, { createStop }] = await Promise.all([
      import("../training/run.js"),
      import("../training/stop.js"),
    ]);
    return { run, createStop };
  },
  generating: async () => {
    const [{ openGenerator }, { createGrid, isPictureName, isTaken, numberedPictures, pictureEndings }] =
      await Promise.all([import("../training/generate.js"), import("../progan/picture.js")]);
    return { openGenerator, createGrid, isPictureName, isTaken, numberedPictures, pictureEndings };
  },
};
