/**
 * Who may import whom (docs/architecture.md). Imports point down only:
 * cli -> { training, guard } -> events -> { trainer -> progan -> engine }, checkpoint -> { store, torch }, thermal -> base.
 */

/** What each folder may import beside itself. */
const below = {
  base: [],
  engine: ["base"],
  torch: ["base"],
  thermal: ["base"],
  store: ["base"],
  checkpoint: ["store", "torch", "base"],
  events: ["checkpoint", "store", "trainer", "thermal", "base"],
  progan: ["engine", "base"],
  trainer: ["progan", "engine", "base"],
  training: ["events", "trainer", "progan", "engine", "checkpoint", "store", "thermal", "base"],
  guard: ["events", "checkpoint", "store", "torch", "thermal", "base"],
};

const layers = Object.entries(below).map(([folder, allowed]) => ({
  name: `${folder}-imports-down`,
  comment: `src/${folder} may import ${allowed.length === 0 ? "nothing of ours" : allowed.join(", ")} and itself.`,
  severity: "error",
  from: { path: `^src/${folder}/` },
  to: { path: "^src/", pathNot: `^src/(${[folder, ...allowed].join("|")})/` },
}));

/** Folders that others know by their index alone. */
const byIndex = ["torch", "store", "checkpoint", "texts"].map((folder) => ({
  name: `${folder}-by-its-index`,
  severity: "error",
  from: { path: "^src/", pathNot: `^src/${folder}/` },
  to: { path: `^src/${folder}/`, pathNot: `^src/${folder}/(folders/)?index\\.ts$` },
}));

/** The files that touch the world. Everything else is a function of what it is given. */
const inputAndOutput = [
  "base/byte-source",
  "base/file-sink",
  "base/thread-priority",
  "base/regular-file",
  "cli/",
  "store/disk",
  "store/refuge",
  "torch/folders/(folder-files|judge|shards)",
  "training/saved-files",
  "guard/(agent-server|child|crash|emergency|finder|look|put-back|program|process-tree|resume-point|session|stage|system|watch)",
  "thermal/sensors",
  "engine/device",
  "progan/folder-listing",
  "progan/image-folder",
  "progan/image-spill",
  "progan/presence",
  "progan/picture",
];

/** Threads are made, and listened to, here. */
const threads = [
  "base/worker-calls",
  "base/sealed",
  "checkpoint/writer",
  "store/disk-hash",
  "training/engine",
];

/** Every package has one place. */
const packages = {
  "onnxruntime-node": ["engine/onnx-runtime"],
  "@bufbuild/protobuf": ["engine/onnx/"],
  sharp: ["progan/sharp"],
  koffi: ["thermal/sensors/nvml-library", "cli/leave"],
  systeminformation: ["thermal/sensors/system-cards"],
  commander: ["cli/"],
  "cli-progress": ["cli/present/"],
  picocolors: ["cli/output"],
  zod: ["store/", "checkpoint/", "training/progress", "training/ended", "training/images", "guard/"],
};

const at = (places) => `^src/(${places.join("|")})`;
const inModules = (name) => `(^|/)node_modules/${name}/`;

module.exports = {
  forbidden: [
    ...layers,
    ...byIndex,
    {
      name: "texts-know-types-alone",
      comment: "The catalogues know what events and errors look like, and nothing that runs.",
      severity: "error",
      from: { path: "^src/texts/" },
      to: { path: "^src/(?!texts/)", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "texts-know-what-they-tell-alone",
      severity: "error",
      from: { path: "^src/texts/" },
      to: {
        path: "^src/",
        pathNot:
          "^src/(texts/|base/(errors|folder-problem|image-note|torch-problem)|events/(event|guarded|warning)|training/plan|(checkpoint|store)/index)",
      },
    },
    {
      name: "input-and-output-at-the-edges",
      comment: "Files, processes and networks are for the files of the list above.",
      severity: "error",
      from: { path: "^src/", pathNot: at(inputAndOutput) },
      to: {
        path: "^(node:)?(fs|fs/promises|child_process|cluster|dgram|dns|dns/promises|http|http2|https|net|readline|repl|tls|tty)$",
        dependencyTypes: ["core"],
      },
    },
    {
      name: "threads-in-their-places",
      severity: "error",
      from: { path: "^src/", pathNot: at(threads) },
      to: { path: "^(node:)?worker_threads$", dependencyTypes: ["core"] },
    },
    ...Object.entries(packages).map(([name, places]) => ({
      name: `${name}-in-its-place`,
      severity: "error",
      from: { path: "^src/", pathNot: at(places) },
      to: { path: inModules(name) },
    })),
    {
      name: "known-packages-alone",
      comment: "A new dependency gets a place in the table above, and a line in docs/dependencies.md.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "(^|/)node_modules/", pathNot: Object.keys(packages).map(inModules) },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "everything-resolves", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "the-product-knows-no-tests",
      severity: "error",
      from: { path: "^src/" },
      to: { path: ["^(test|bench|scripts)/", "\\.test\\.ts$"] },
    },
  ],
  options: {
    exclude: { path: "\\.test\\.ts$" },
    doNotFollow: { path: "node_modules" },
    // So that imports of types are seen, and known as such.
    tsPreCompilationDeps: "specify",
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
