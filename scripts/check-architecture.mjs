/**
 * Checks .dependency-cruiser.cjs, and that the check itself works: dependency-cruiser passes happily over nothing when
 * it cannot read TypeScript, so every source file must have been seen, and the faults planted in
 * test/fixtures/architecture must be found.
 */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cruise } from "dependency-cruiser";
import configuration from "../.dependency-cruiser.cjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Rules that the planted faults break, and no others. */
const planted = ["checkpoint-by-its-index", "engine-imports-down", "input-and-output-at-the-edges"];

/** Cruises `folder`/src. @returns the faults found, and which files of src were seen */
async function examine(folder) {
  const { forbidden, options } = configuration;
  const tsConfig = { fileName: join(root, options.tsConfig.fileName) };
  const { output } = await cruise(["src"], {
    ...options,
    tsConfig,
    baseDir: folder,
    ruleSet: { forbidden },
    validate: true,
  });
  const seen = output.modules.map(({ source }) => source).filter((source) => source.startsWith("src/"));
  return { faults: output.summary.violations, seen };
}

const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true }).filter(
  (entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"),
);

const problems = [];
const { faults, seen } = await examine(root);
for (const { rule, from, to, cycle } of faults) {
  problems.push(`${rule.name}: ${from} -> ${cycle?.map(({ name }) => name).join(" -> ") ?? to}`);
}
if (seen.length === 0 || seen.length !== sources.length) {
  problems.push(`${seen.length} modules were seen, but there are ${sources.length} source files`);
}

const fixture = await examine(join(root, "test", "fixtures", "architecture"));
const caught = [...new Set(fixture.faults.map(({ rule }) => rule.name))].sort();
if (caught.join() !== planted.join()) {
  problems.push(`the planted faults are ${planted.join(", ")}; caught: ${caught.join(", ") || "none"}`);
}

for (const problem of problems) console.error(problem);
console.log(
  `architecture: ${seen.length} modules, ${problems.length} problems; planted faults: ${caught.join(", ")}`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
