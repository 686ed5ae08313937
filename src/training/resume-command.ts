/** What a user types to go on: what they typed before, without what was meant for that one start. */

const forOneStart: Readonly<Record<string, "flag" | "value" | undefined>> = {
  "--fresh": "flag",
  "--full-batches": "flag",
  "--resume": "value",
  "--critic": "value",
  "--state-dict": "value",
  "--max-batches": "value",
  "--stop-after": "value",
  "--stop-at": "value",
};

/** For sh and its kin. Single quotes keep everything as it is; double quotes, which look tamer, do so for most words. */
function quotedForShell(word: string): string {
  if (/^[\w@%+=:,./-]+$/u.test(word)) return word;
  return /[$`"\\!]/.test(word) ? `'${word.replaceAll("'", String.raw`'\''`)}'` : `"${word}"`;
}

/** For PowerShell, where a comma makes a list, and cmd. A quote after a backslash would not end the word. */
function quotedForWindows(word: string): string {
  return /^[\w+=:./\\-]+$/u.test(word) ? word : `"${word.replace(/\\+$/, "$&$&")}"`;
}

/** What the command is to say otherwise. */
export interface ResumeChanges {
  /** The weights folder. */
  readonly weights?: string | undefined;
  readonly resume?: string | undefined;
  readonly fresh?: boolean | undefined;
}

/** @param command the words after `guardapesos` */
export function resumeCommand(
  command: readonly string[],
  platform: string = process.platform,
  { weights, resume, fresh }: ResumeChanges = {},
): string {
  const leftOut: typeof forOneStart = {
    ...forOneStart,
    ...(weights === undefined ? {} : { "--weights": "value" }),
  };
  const quoted = platform === "win32" ? quotedForWindows : quotedForShell;
  const words: string[] = [];
  for (let i = 0; i < command.length; i++) {
    const [name] = command[i]!.split("=");
    const kind = leftOut[name!];
    if (kind === undefined) words.push(quoted(command[i]!));
    else if (kind === "value" && !command[i]!.includes("=")) i++;
  }
  const changes = [
    ...(weights === undefined ? [] : ["--weights", quoted(weights)]),
    ...(resume === undefined ? [] : ["--resume", quoted(resume)]),
    ...(fresh === true ? ["--fresh"] : []),
  ];
  return ["npx guardapesos", ...words, ...changes].join(" ");
}
