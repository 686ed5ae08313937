/** The package as users get it: packed, installed in an empty folder, called through npx. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const repository = join(import.meta.dirname, "..", "..");
const onWindows = process.platform === "win32";
let place = "";

/** Without what the npm that runs these tests tells its children, in the language asked for. */
function environment(language: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^npm_/i.test(name) && !/^(LC_ALL|LC_MESSAGES|LANGUAGE|INIT_CWD)$/.test(name),
  );
  return { ...Object.fromEntries(own), LANG: language };
}

/** Runs npm or npx in a folder. */
async function call(command: "npm" | "npx", args: string[], cwd: string, language = "en_US.UTF-8") {
  // On Windows both are scripts, which only a shell runs; it gets the words as they are.
  const words = onWindows ? args.map((word) => `"${word}"`) : args;
  const options = { cwd, env: environment(language), shell: onWindows, maxBuffer: 1e8 };
  const { stdout } = await promisify(execFile)(command, words, options);
  return stdout;
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** Packs a folder. @returns the tarball's path and the files in it */
async function pack(folder: string): Promise<{ tarball: string; files: readonly string[] }> {
  const told = await call("npm", ["pack", "--json", "--pack-destination", place], folder);
  const [packed] = JSON.parse(told) as [Packed];
  return { tarball: join(place, packed.filename), files: packed.files.map(({ path }) => path) };
}

async function install(folder: string, tarball: string): Promise<void> {
  const quick = ["--prefer-offline", "--no-audit", "--no-fund"];
  // onnxruntime-node's install script fetches CUDA libraries that nothing here needs.
  await call("npm", ["install", "--ignore-scripts", ...quick, tarball], folder);
}

async function expectToWork(folder: string): Promise<void> {
  const { version } = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as {
    version: string;
  };
  expect(await call("npx", ["guardapesos", "--version"], folder)).toBe(`${version}\n`);
  expect(await call("npx", ["guardapesos", "--help"], folder)).toContain("train | entrenar");
  expect(await call("npx", ["guardapesos", "--help"], folder, "es_ES.UTF-8")).toContain("entrenar | train");
  expect(await call("npx", ["guardapesos", "listar", "--lang", "es"], folder)).toContain(
    "no hay checkpoints",
  );
}

describe("the packed package", () => {
  let home = "";

  beforeAll(async () => {
    place = await realpath(await mkdtemp(join(tmpdir(), "guardapesos package ñ-")));
    home = join(place, "somebody's project");
    await mkdir(home);
    await writeFile(join(home, "package.json"), JSON.stringify({ name: "somebody", private: true }));
  }, 30_000);

  afterAll(() => rm(place, { recursive: true, force: true }));

  it("works where it is installed, as it was built, without building again", async () => {
    const { tarball, files } = await pack(repository);
    expect(files).toEqual(
      expect.arrayContaining(["LICENSE", "bin/guardapesos.mjs", "dist/cli/main.js", "package.json"]),
    );
    expect(files.filter((file) => /\.test\.|^test\//.test(file))).toEqual([]);
    await install(home, tarball);
    const built = join(home, "node_modules", "guardapesos", "dist", ".built");
    const before = await stat(built);
    await expectToWork(home);
    const after = await stat(built);
    expect([after.mtimeMs, after.ino]).toEqual([before.mtimeMs, before.ino]);
  }, 300_000);

  it("works when it was packed without dist/, building itself at the first call", async () => {
    const source = join(place, "source");
    for (const part of ["package.json", "LICENSE", "bin", "src"]) {
      await cp(join(repository, part), join(source, part), { recursive: true });
    }
    const { tarball, files } = await pack(source);
    expect(files.filter((file) => file.startsWith("dist/"))).toEqual([]);
    await install(home, tarball);
    await expectToWork(home);
    await expect(
      stat(join(home, "node_modules", "guardapesos", "dist", "cli", "main.js")),
    ).resolves.toBeDefined();
  }, 300_000);
});
