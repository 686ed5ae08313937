import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { openImageFolder } from "./image-folder.js";
import { findImages, listFolder } from "./folder-listing.js";

/** A path whose last name is Latin-1, as old zip files from Windows leave it. */
const latin1 = (folder: string, name: string) =>
  Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, "latin1")]);

describe.runIf(process.platform === "linux")("a folder with names that are not UTF-8", () => {
  const told = (folder: string) => ({ code: "NAME_NOT_DECODED", data: { folder } });
  const find = (folder: string) => findImages(folder, () => undefined);

  it("is refused where it may hold images, never called empty", async () => {
    const folder = await testFolder();
    await writeFile(latin1(folder, "niño_1.jpg"), "");
    await expect(listFolder(folder)).rejects.toMatchObject(told(folder));
    await expect(find(folder)).rejects.toMatchObject(told(folder));
  });

  it("is told to whoever opens it, as the folder itself or as a class in it", async () => {
    const open = (folder: string, className?: string) =>
      openImageFolder({ folder, className, channels: 1, onSkipped: () => undefined });
    const folder = await testFolder();
    await mkdir(join(folder, "DRUSEN"));
    await writeFile(latin1(join(folder, "DRUSEN"), "niño_1.jpg"), "");
    await expect(open(join(folder, "DRUSEN"))).rejects.toMatchObject(told(join(folder, "DRUSEN")));
    await expect(open(folder)).rejects.toMatchObject(told(join(folder, "DRUSEN")));
    await mkdir(join(folder, "NORMAL"));
    await writeFile(join(folder, "NORMAL", "a.jpg"), "");
    await expect(open(folder, "DRUSEN")).rejects.toMatchObject(told(join(folder, "DRUSEN")));
    expect((await open(folder, "NORMAL")).files).toBe(1);
  });

  it("is found inside other folders, and by the name of a folder, an ending in it or not", async () => {
    for (const name of ["Imágenes", "Imágenes.old"]) {
      const folder = await testFolder();
      await mkdir(join(folder, "deep"));
      await mkdir(latin1(join(folder, "deep"), name));
      await expect(find(folder)).rejects.toMatchObject(told(join(folder, "deep")));
    }
  });

  it("is no matter where it is no image, or where the sign itself is meant", async () => {
    const folder = await testFolder();
    await writeFile(latin1(folder, "señas.txt"), "");
    await writeFile(join(folder, "ni\ufffdo.jpg"), "");
    expect((await listFolder(folder)).images).toEqual(["ni\ufffdo.jpg"]);
  });
});
