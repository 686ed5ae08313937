/**
 * The commands and their help, in the user's language. commander parses; its English headings and complaints are
 * replaced here by the catalogue's, complaints as errors with a code like any other.
 */
import { Command, CommanderError } from "commander";
import { GuardapesosError } from "../base/errors.js";
import type { CommandName, Texts } from "../texts/index.js";
import { backup } from "./commands/backup.js";
import { convert } from "./commands/convert.js";
import { doctor } from "./commands/doctor.js";
import { generate } from "./commands/generate.js";
import { inspect } from "./commands/inspect.js";
import { keep } from "./commands/keep.js";
import { list } from "./commands/list.js";
import { monitor } from "./commands/monitor.js";
import { plan } from "./commands/plan.js";
import { prune } from "./commands/prune.js";
import { restore } from "./commands/restore.js";
import { run } from "./commands/run.js";
import { stats } from "./commands/stats.js";
import { stop } from "./commands/stop.js";
import { train } from "./commands/train.js";
import { importOnce } from "./commands/import.js";
import { verify } from "./commands/verify.js";
import { watch } from "./commands/watch.js";
import type { Context } from "./context.js";
import { nearest } from "../base/nearest.js";
import type { OptionTable } from "./options.js";
import {
  addOptions,
  backupOptions,
  commonOptions,
  configOption,
  convertOptions,
  generateOptions,
  importOptions,
  inspectOptions,
  keepOptions,
  listOptions,
  monitorOptions,
  planOptions,
  pruneOptions,
  restoreOptions,
  runOptions,
  seriesListOptions,
  trainingOptions,
  verifyOptions,
  watchOptions,
} from "./options.js";

interface CommandNames {
  readonly en: string;
  readonly es: string;
  readonly other?: string;
}

/** Each command's names; all work in both languages, the help shows the reader's first. */
const names: Readonly<Record<CommandName, CommandNames>> = {
  train: { en: "train", es: "entrenar" },
  run: { en: "run", es: "ejecutar" },
  stop: { en: "stop", es: "parar", other: "detener" },
  plan: { en: "plan", es: "planificar" },
  generate: { en: "generate", es: "generar" },
  list: { en: "list", es: "listar" },
  verify: { en: "verify", es: "verificar" },
  keep: { en: "keep", es: "conservar" },
  prune: { en: "prune", es: "limpiar" },
  backup: { en: "backup", es: "respaldar" },
  restore: { en: "restore", es: "restaurar" },
  stats: { en: "stats", es: "estadisticas" },
  doctor: { en: "doctor", es: "diagnosticar" },
  monitor: { en: "monitor", es: "vigilar" },
  inspect: { en: "inspect", es: "inspeccionar" },
  convert: { en: "convert", es: "convertir" },
  watch: { en: "watch", es: "observar" },
  import: { en: "import", es: "importar" },
};

const allNames = Object.values(names).flatMap(({ en, es, other }) => [
  en,
  es,
  ...(other === undefined ? [] : [other]),
]);
const helpNames = { en: "help", es: "ayuda" } as const;

function localise(program: Command, { help }: Texts, bold: (text: string) => string): void {
  const titles: Readonly<Record<string, string>> = {
    "Usage:": help.usage,
    "Arguments:": help.arguments,
    "Options:": help.options,
    "Commands:": help.commands,
  };
  program
    .helpOption("-h, --help", help.displayHelp)
    .helpCommand(help.helpCommand, help.displayHelp)
    .configureHelp({
      styleTitle: (title) => bold(titles[title] ?? title),
      subcommandTerm: (command) => [command.name(), ...command.aliases()].join(" | "),
      commandUsage: (command) =>
        [command.parent?.name(), command.name(), command.usage()].filter(Boolean).join(" "),
    });
  program.name("guardapesos").usage(`${help.commandPlaceholder} ${help.optionsPlaceholder}`);
  program.description(help.program).addHelpText("after", `\n${help.more}`);
}

/** Parses and acts. Throws CommanderError for what faultOf explains, and whatever the command throws. */
export async function parse(program: Command, { typed, texts }: Context): Promise<void> {
  if (typed.length === 0) {
    program.outputHelp();
    return;
  }
  // commander knows one word for help; the other language's works too.
  const [first, ...rest] = typed;
  const isHelp = first === helpNames.en || first === helpNames.es;
  const about = isHelp ? rest.find((word) => !word.startsWith("-")) : undefined;
  if (about !== undefined && !allNames.includes(about)) {
    throw new GuardapesosError("COMMAND_UNKNOWN", { command: about, suggestion: nearest(about, allNames) });
  }
  await program.parseAsync(isHelp ? [helpNames[texts.language], ...rest] : [...typed], { from: "user" });
}

interface Definition {
  readonly name: CommandName;
  readonly options: OptionTable;
  readonly arguments?: readonly {
    readonly name: keyof Texts["help"]["argument"];
    readonly optional?: true;
    /** All the words that are left, other programs' options among them. */
    readonly rest?: true;
  }[];
  /** @param flags as commander gives them: those of `options` that were typed */
  readonly act: (context: Context, flags: never, parameters: readonly string[]) => Promise<void>;
}

const definitions: readonly Definition[] = [
  { name: "train", options: { ...trainingOptions, ...configOption }, act: train },
  {
    name: "run",
    options: { ...runOptions, ...configOption },
    arguments: [{ name: "program", optional: true, rest: true }],
    act: run,
  },
  { name: "plan", options: { ...planOptions, ...configOption }, act: plan },
  { name: "stop", options: { ...listOptions, ...configOption }, act: stop },
  {
    name: "generate",
    options: { ...generateOptions, ...configOption },
    arguments: [{ name: "reference", optional: true }],
    act: generate,
  },
  { name: "list", options: { ...seriesListOptions, ...configOption }, act: list },
  {
    name: "verify",
    options: { ...verifyOptions, ...configOption },
    arguments: [{ name: "judged", optional: true }],
    act: verify,
  },
  { name: "keep", options: { ...keepOptions, ...configOption }, arguments: [{ name: "kept" }], act: keep },
  { name: "prune", options: { ...pruneOptions, ...configOption }, act: prune },
  {
    name: "backup",
    options: { ...backupOptions, ...configOption },
    arguments: [{ name: "destination", optional: true }],
    act: backup,
  },
  {
    name: "restore",
    options: { ...restoreOptions, ...configOption },
    arguments: [{ name: "backup", optional: true }],
    act: restore,
  },
  { name: "stats", options: { ...listOptions, ...configOption }, act: stats },
  { name: "doctor", options: { ...listOptions, ...configOption }, act: doctor },
  { name: "monitor", options: { ...monitorOptions, ...configOption }, act: monitor },
  { name: "inspect", options: inspectOptions, arguments: [{ name: "inspected" }], act: inspect },
  {
    name: "watch",
    options: { ...watchOptions, ...configOption },
    arguments: [{ name: "watched" }],
    act: watch,
  },
  {
    name: "import",
    options: { ...importOptions, ...configOption },
    arguments: [{ name: "imported" }],
    act: importOnce,
  },
  { name: "convert", options: convertOptions, arguments: [{ name: "from" }, { name: "to" }], act: convert },
];

function addCommand(program: Command, context: Context, definition: Definition): void {
  const { help, language } = context.texts;
  const { en, es, other } = names[definition.name];
  const [name, alias] = language === "es" ? [es, en] : [en, es];
  const { description, examples } = help.command[definition.name];
  const command = program.command(name).alias(alias).description(description);
  if (other !== undefined) command.alias(other);
  const words = [help.optionsPlaceholder];
  for (const { name: key, optional, rest } of definition.arguments ?? []) {
    const argument = help.argument[key];
    const name = rest ? `${argument.name}...` : argument.name;
    const word = optional ? `[${name}]` : `<${name}>`;
    command.argument(word, argument.help);
    words.push(...(rest ? ["--", `${argument.name}...`] : [word]));
    if (rest) command.passThroughOptions();
  }
  command.usage(words.join(" "));
  addOptions(command, { ...definition.options, ...commonOptions }, context.texts);
  if (examples.length > 0) {
    const lines = examples.map((example) => `  ${example}`).join("\n");
    command.addHelpText("after", `\n${context.output.colors.bold(help.examples)}\n${lines}`);
  }
  command.action(async (...given: unknown[]) => {
    const parameters = given
      .slice(0, -2)
      .flat()
      .filter((one) => typeof one === "string");
    await definition.act(context, command.optsWithGlobals<never>(), parameters);
  });
}

/** The whole program, ready to parse. */
export function createProgram(context: Context): Command {
  const { output, texts } = context;
  const program = new Command();
  program.exitOverride().configureOutput({
    writeOut: output.write,
    writeErr: output.write,
    outputError: () => undefined,
    getOutHelpWidth: () => output.stream.columns || 100,
    getOutHasColors: () => output.isTerminal,
  });
  localise(program, texts, output.colors.bold);
  // `guardapesos --lang es entrenar`: these two may stand before the command as well as after it.
  addOptions(program.enablePositionalOptions(), commonOptions, texts);
  program.version(context.version, "-V, --version", texts.help.displayVersion);
  program.hook("preSubcommand", (_, command) => {
    context.outputIsTaken = command.name() === names.run.en || command.aliases().includes(names.run.en);
  });
  for (const definition of definitions) addCommand(program, context, definition);
  return program;
}

/** commander's complaint -> one of our errors; undefined when help or the version was shown, which is no fault. */
export function faultOf(program: Command, fault: CommanderError): Error | undefined {
  const quoted = /'([^']*)'/.exec(fault.message)?.[1] ?? "";
  const word = program.args[0] ?? "";
  const command = program.commands.find((one) => one.name() === word || one.aliases().includes(word));
  switch (fault.code) {
    case "commander.help":
    case "commander.helpDisplayed":
    case "commander.version":
      return undefined;
    case "commander.unknownCommand":
      return new GuardapesosError("COMMAND_UNKNOWN", {
        command: quoted,
        suggestion: nearest(quoted, allNames),
      });
    case "commander.unknownOption": {
      const known = (command ?? program).options
        .filter(({ hidden }) => !hidden)
        .map(({ long }) => long ?? "");
      const [option = ""] = quoted.split("=");
      const suggestion = nearest(option, [...known, "--help"]);
      return new GuardapesosError("OPTION_UNKNOWN", { option, suggestion });
    }
    case "commander.optionMissingArgument":
      return new GuardapesosError("OPTION_VALUE_MISSING", { option: quoted.split(" ")[0]! });
    case "commander.missingArgument":
      return new GuardapesosError("ARGUMENT_MISSING", { argument: quoted });
    case "commander.excessArguments": {
      const argument = command?.args[command.registeredArguments.length] ?? word;
      return new GuardapesosError("ARGUMENT_UNEXPECTED", {
        command: command?.name() ?? "guardapesos",
        argument,
      });
    }
    default:
      return fault;
  }
}
