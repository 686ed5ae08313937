/** What a user types to go on: what they typed before, without what was meant for that one start. */

const forOneStart: Readonly<Record<string, "flag" | "value">> = {
  "--fresh": "flag",
  "--resume": "value",
  "--max-batches": "value",
};

/** Words that a shell would take apart get quotes that sh, PowerShell and cmd all understand. */
function quoted(word: string): string {
  return /^[\w@%+=:,./\\-]+$/u.test(word) ? word : `"${word}"`;
}

/** @param command the words after `guardapesos` */
export function resumeCommand(command: readonly string[]): string {
  const words: string[] = [];
  for (let i = 0; i < command.length; i++) {
    const [name] = command[i]!.split("=");
    const kind = forOneStart[name!];
    if (kind === undefined) words.push(quoted(command[i]!));
    else if (kind === "value" && !command[i]!.includes("=")) i++;
  }
  return ["npx guardapesos", ...words].join(" ");
}
