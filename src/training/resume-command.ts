/** What a user types to go on: what they typed before, without what was meant for that one start. */

const forOneStart: Readonly<Record<string, "flag" | "value">> = {
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

/** @param command the words after `guardapesos` */
export function resumeCommand(command: readonly string[], platform: string = process.platform): string {
  const quoted = platform === "win32" ? quotedForWindows : quotedForShell;
  const words: string[] = [];
  for (let i = 0; i < command.length; i++) {
    const [name] = command[i]!.split("=");
    const kind = forOneStart[name!];
    if (kind === undefined) words.push(quoted(command[i]!));
    else if (kind === "value" && !command[i]!.includes("=")) i++;
  }
  return ["npx guardapesos", ...words].join(" ");
}
