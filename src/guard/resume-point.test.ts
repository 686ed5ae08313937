import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { guardedFolder, openStore, siteOf, type JsonObject, type Store } from "../store/index.js";
import { findResumePoint } from "./resume-point.js";

const series = { label: "script", name: "train.py" };

describe("what a script goes on from", () => {
  let folder: string;
  let store: Store;
  const site = () => siteOf(join(folder, "weights"), { folder: guardedFolder });

  beforeEach(async () => {
    folder = await testFolder();
    await mkdir(join(folder, "weights"));
    store = await openStore(site(), { ...series, ballast: false });
  });
  afterEach(() => store.close());

  const save = async (content: string, guarded: JsonObject) => {
    const names = (guarded["files"] as { name: string }[]).map(({ name }) => name);
    const artifacts = names.map((name) => {
      const from = join(folder, `from-${name}`);
      writeFileSync(from, `${content} ${name}`);
      return { name, medium: "opaque", bytes: 100, from } as const;
    });
    const reason = { why: "other", text: "saved by the script" } as const;
    const { generation } = await store.save({ kind: "epoch", reason, artifacts, metadata: { guarded } });
    return generation;
  };
  const pair = [
    { name: "generator.pth", path: "/x/weights/generator_DRUSEN_local.pth" },
    { name: "critic.pth", path: String.raw`C:\x\weights\critic_DRUSEN_local.pth` },
  ];

  it("is nothing as long as there is none", async () => {
    expect(await findResumePoint(site(), series)).toBeUndefined();
  });

  it("is the newest of its own series, copied under the script's names", async () => {
    await save("old", { files: pair });
    const { id } = await save("new", { files: pair, imageSide: 64 });
    const other = await store.beside({ label: "script", name: "other.py", parent: null });
    const from = join(folder, "other");
    writeFileSync(from, "other");
    await other.save({
      kind: "epoch",
      reason: { why: "other", text: "" },
      artifacts: [{ name: "a.pth", medium: "opaque", bytes: 9, from }],
      metadata: {},
    });

    const point = (await findResumePoint(site(), series))!;
    const copies = join(folder, "weights", "guardapesos", "resume");
    expect(point).toEqual({
      id,
      folder: copies,
      imageSize: 64,
      files: [
        { name: pair[0]!.path, path: join(copies, "generator_DRUSEN_local.pth"), network: "generator" },
        { name: pair[1]!.path, path: join(copies, "critic_DRUSEN_local.pth"), network: "critic" },
      ],
    });
    expect(point.files.map(({ path }) => readFileSync(path, "utf8"))).toEqual([
      "new generator.pth",
      "new critic.pth",
    ]);
  });

  it("is whole again at each start, whatever a script has done to the copies, and the generation never changes", async () => {
    const generation = await save("new", { files: pair });
    const { files } = (await findResumePoint(site(), series))!;
    writeFileSync(files[0]!.path, "overwritten by the script");
    expect(readFileSync(generation.files[0]!.path, "utf8")).toBe("new generator.pth");
    const again = (await findResumePoint(site(), series))!;
    expect(readFileSync(again.files[0]!.path, "utf8")).toBe("new generator.pth");
  });

  it("is an older one where the newest is damaged; none of use is an error", async () => {
    const old = await save("old", { files: pair });
    const { files } = await save("new", { files: pair });
    writeFileSync(files[1]!.path, "bad critic.pth");
    expect((await findResumePoint(site(), series))!.id).toBe(old.id);
    appendFileSync(old.files[0]!.path, "x");
    await expect(findResumePoint(site(), series)).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
  });

  it("keeps two files of one name apart, and those that the script has never saved by ours", async () => {
    await save("new", {
      files: [
        { name: "1-model.pth", path: "/a/model.pth" },
        { name: "2-model.pth", path: "/b/Model.pth" },
        { name: "generator.pth" },
      ],
    });
    const { files } = (await findResumePoint(site(), series))!;
    expect(files.map(({ name, path, network }) => [name, path.split(/[\\/]/).at(-1), network])).toEqual([
      ["/a/model.pth", "1-model.pth", undefined],
      ["/b/Model.pth", "2-model.pth", undefined],
      ["generator.pth", "generator.pth", "generator"],
    ]);
  });
});
