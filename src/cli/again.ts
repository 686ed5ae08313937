/** What a person types to run the same command again. */

/** Options of one start alone, each with a value. */
const once = ["--stop-after", "--stop-at"];

/** For sh and its kin. */
function quotedForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/u.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** For PowerShell and cmd. A quote after a backslash would not end the word. */
function quotedForWindows(word: string): string {
  return /^[\w+=:./\\-]+$/u.test(word) ? word : `"${word.replace(/\\+$/, "$&$&")}"`;
}

/** @param typed the words after `guardapesos`; what stands after `--` stays as it is */
export function againCommand(typed: readonly string[], platform: string = process.platform): string {
  const quoted = platform === "win32" ? quotedForWindows : quotedForShell;
  const dashes = typed.indexOf("--");
  const end = dashes < 0 ? typed.length : dashes;
  const words: string[] = [];
  for (let i = 0; i < typed.length; i++) {
    const [name = ""] = typed[i]!.split("=");
    if (i >= end || !once.includes(name)) words.push(quoted(typed[i]!));
    else if (!typed[i]!.includes("=")) i++;
  }
  return ["npx guardapesos", ...words].join(" ");
}
