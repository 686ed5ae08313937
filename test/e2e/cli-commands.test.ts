/** The commands as a person calls them: real processes, real checkpoints, sentences instead of events. */
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { tiny, words } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";

const program = fileURLToPath(new URL("../../bin/guardapesos.mjs", import.meta.url));

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** @param hearing how much of standard output is read before its reader leaves */
function call(
  folder: string,
  typed: readonly string[],
  { lang = "es_ES.UTF-8", hearing = Infinity, nodeOptions = "" } = {},
) {
  const child = spawn(process.execPath, [program, ...typed], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: lang, NO_COLOR: undefined, FORCE_COLOR: "1", NODE_OPTIONS: nodeOptions },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (text: Buffer) => {
    out += text.toString();
    if (out.length > hearing) child.stdout.destroy();
  });
  child.stderr.on("data", (text: Buffer) => {
    err += text.toString();
  });
  return new Promise<Said>((resolve) => {
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

const trainTiny = (settings: Record<string, string | number>) => [
  "entrenar",
  ...words({ ...tiny, ...settings }),
];
const generationsIn = async (folder: string) =>
  (await readdir(join(folder, "weights", "checkpoints"))).filter((name) => /^\d{8}-/.test(name)).sort();

describe("the commands", { timeout: 300_000 }, () => {
  it("train, list, verify and generate, in Spanish and without control codes in a pipe", async () => {
    const folder = await testFolder();
    const trained = await call(folder, trainTiny({ "max-batches": 12 }));
    expect(trained).toMatchObject({ code: 0, err: "" });
    // eslint-disable-next-line no-control-regex -- what must not be there
    expect(trained.out).not.toMatch(/[\u0000-\u0009\u000b-\u001f]|\p{Extended_Pictographic}/u);
    expect(trained.out).toMatch(/=> Guardando checkpoint: weights[\\/]generator_DRUSEN_local\.pth/);
    expect(trained.out).toMatch(
      /Para reanudar exactamente donde quedó:\n {3}npx guardapesos entrenar --preset demo/,
    );

    const ids = await generationsIn(folder);
    const listed = await call(folder, ["listar"]);
    expect(listed).toMatchObject({ code: 0, err: "" });
    for (const id of ids) expect(listed.out).toContain(id);
    expect(listed.out).toMatch(/^checkpoint +clase +tipo +paso +resolución/);
    const asJson = JSON.parse((await call(folder, ["list", "--json"])).out) as {
      checkpoints: { id: string; position: { batches: number } }[];
    };
    expect(asJson.checkpoints.map(({ id }) => id).sort()).toEqual(ids);
    expect(asJson.checkpoints[0]?.position.batches).toBe(12);

    const whole = await call(folder, ["verificar", "--all", "--deep"]);
    expect(whole).toMatchObject({ code: 0, err: "" });
    expect(whole.out.match(/ está completo \([1-9][\d,.]* .?B leídos/g)).toHaveLength(ids.length);

    const grid = await call(folder, ["generar", "--count", "4", "--seed", "7", "--grid", "cuadrícula.png"]);
    expect(grid).toMatchObject({ code: 0, err: "" });
    const signature = (await readFile(join(folder, "cuadrícula.png"))).subarray(1, 4).toString();
    expect(signature).toBe("PNG");
    const made = JSON.parse((await call(folder, ["generate", "latest", "--count", "2", "--json"])).out) as {
      type: string;
      files: string[];
    };
    expect(made.type).toBe("generated");
    expect(made.files).toHaveLength(2);
    for (const file of made.files) expect((await stat(join(folder, file))).size).toBeGreaterThan(50);
  });

  it("inspect a checkpoint's files, convert them and get the same back", async () => {
    const folder = await testFolder();
    await call(folder, trainTiny({ "max-batches": 4 }));
    const original = join("weights", "generator_DRUSEN_local.pth");
    const seen = await call(folder, ["inspeccionar", original, "--stats"]);
    expect(seen).toMatchObject({ code: 0, err: "" });
    expect(seen.out).toMatch(/Optimizador \(optimizer\): Adam, \d+ parámetros/);
    expect(seen.out).toMatch(/state_dict\.initial\.1\.weight +float32 +8x8x4x4/);
    expect(seen.out).toContain("Todos los valores son números finitos.");

    const [there, back] = ["there.safetensors", "back.pth"];
    expect(await call(folder, ["convertir", original, there])).toMatchObject({ code: 0, err: "" });
    expect(await call(folder, ["convert", there, back])).toMatchObject({ code: 0, err: "" });
    expect(await readFile(join(folder, back))).toEqual(await readFile(join(folder, original)));
    const asJson = JSON.parse((await call(folder, ["inspect", there, "--json"])).out) as {
      tensors: unknown[];
    };
    expect(asJson.tensors.length).toBeGreaterThan(20);

    const again = await call(folder, ["convertir", original, there]);
    expect(again.code).toBe(73);
    expect(again.err).toMatch(/there\.safetensors ya existe/);
    expect(await call(folder, ["inspeccionar", "no.pth"])).toMatchObject({ code: 66, out: "" });
    await writeFile(join(folder, "roto.pth"), (await readFile(join(folder, original))).subarray(0, 5000));
    expect(await call(folder, ["inspeccionar", "roto.pth"])).toMatchObject({ code: 65, out: "" });
  });

  it("find one flipped bit, say where it is, and exit with 65", async () => {
    const folder = await testFolder();
    await call(folder, trainTiny({ "max-batches": 4 }));
    const [id] = await generationsIn(folder);
    const path = join(folder, "weights", "checkpoints", id!, "critic.pth");
    const bytes = await readFile(path);
    const middle = bytes.length >> 1;
    bytes[middle] = bytes[middle]! ^ 1;
    await writeFile(path, bytes);
    const told = await call(folder, ["verificar", id!]);
    expect(told.code).toBe(65);
    expect(told.out).toMatch(new RegExp(`${id} está dañado: critic\\.pth: `));
    const asJson = await call(folder, ["verify", "--all", "--json"]);
    expect(asJson.code).toBe(65);
    expect(JSON.parse(asJson.out)).toMatchObject({ type: "verified", id, whole: false });
  });

  it("go on training when whoever read their output has left", async () => {
    const folder = await testFolder();
    const { code, out } = await call(folder, trainTiny({ "max-batches": 12 }), { hearing: 10 });
    expect(out).not.toContain("límite");
    expect(code).toBe(0);
    expect((await generationsIn(folder)).at(-1)).toMatch(/^00000012-/);
  });

  it("refuse bad input in one sentence, with its exit code, and write nothing", async () => {
    const folder = await testFolder();
    await mkdir(join(folder, "vacía"));
    await mkdir(join(folder, "clases", "CNV"), { recursive: true });
    await mkdir(join(folder, "clases", "DME"));
    await writeFile(join(folder, "clases", "CNV", "a.png"), "not an image");
    await writeFile(join(folder, "clases", "DME", "a.png"), "not an image");
    await writeFile(join(folder, "archivo"), "");
    const before = (await readdir(folder)).sort();
    const cases: [string[], number, RegExp][] = [
      [["entrenar", "--data", "no está"], 66, /La carpeta .*no está no existe/],
      [["entrenar", "--data", "vacía"], 66, /No hay imágenes en .*vacía/],
      [["entrenar", "--data", "clases"], 64, /--class: CNV o DME/],
      [
        ["entrenar", "--data", "clases", "--class", "DRUSEN"],
        66,
        /No hay una clase DRUSEN en .*clases\. Elige CNV o DME/,
      ],
      [["entrenar", "--preset", "demo", "--weights", "archivo"], 73, /No se puede escribir .*archivo/],
      [["entrenar", "--preset", "demo", "--resume", "nada"], 66, /No existe el checkpoint «nada»/],
      [["generar"], 66, /No hay ningún checkpoint en weights/],
      [["verificar"], 66, /No existe el checkpoint «latest»/],
      [["listar", "--weights", "no está"], 66, /La carpeta .*no está no existe/],
    ];
    for (const [typed, code, sentence] of cases) {
      const told = await call(folder, typed);
      expect(told.err, typed.join(" ")).toMatch(sentence);
      expect(told.err.trimEnd()).not.toContain("\n");
      expect([told.code, told.out], typed.join(" ")).toEqual([code, ""]);
    }
    expect((await readdir(folder)).sort()).toEqual(before);
  });

  it("plan a training: by its work at a given speed, and by what is measured here", async () => {
    const folder = await testFolder();
    const config = ["--preset", "demo", "--end", "8"];
    const told = await call(folder, ["plan", ...config, "--rate", "10", "--vram", "0.001", "--json"]);
    const plan = JSON.parse(told.out) as { flops: number; seconds: number; fits: boolean; stages: unknown[] };
    expect(plan.stages).toHaveLength(2);
    expect(plan.seconds).toBeCloseTo(plan.flops / 10e9);
    expect(plan.fits).toBe(false);
    const said = await call(folder, ["planificar", ...config, "--device", "cpu", "--threads", "1"]);
    expect(said).toMatchObject({ code: 0, err: "" });
    expect(said.out).toMatch(/8x8 .*\n\nImágenes por época: 512\..*\nTiempo: unos .* medidos aquí/);
    expect(await readdir(folder)).toEqual([]);
  });

  it("show help without loading the engine or the image library", async () => {
    const report = `process.on("exit",()=>console.error(process.report.getReport().sharedObjects.join("\\n")))`;
    const nodeOptions = `--import data:text/javascript,${encodeURIComponent(report)}`;
    const native = /onnxruntime|sharp|libvips/;
    const { err, out } = await call(await testFolder(), ["train", "--help"], { nodeOptions });
    expect(out).toContain("--batch-sizes");
    expect(err).toMatch(/\.so|\.dylib|\.dll/i);
    expect(err).not.toMatch(native);
  });
});
