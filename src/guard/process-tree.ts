/**
 * The processes that a guarded command has started, as the system lists them: for what no agent does. Linux reads /proc,
 * other systems `ps`; Windows has neither, and says nothing.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface ListedProcess {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  /** "T" stopped, "Z" ended and not yet waited for, ... */
  readonly state: string;
  /** Of its program, as the system calls it. */
  readonly name: string;
}

/** A line of /proc/PID/stat; the name between parentheses may hold spaces and parentheses. */
export function parseStat(stat: string): ListedProcess | undefined {
  const [open, close] = [stat.indexOf("("), stat.lastIndexOf(")")];
  const fields = stat.slice(close + 2).split(" ");
  const numbers = [stat.slice(0, open), fields[1], fields[3]].map(Number);
  if (open < 0 || close < open || numbers.some((number) => !Number.isInteger(number))) return undefined;
  const [pid, parent, session] = numbers as [number, number, number];
  return { pid, parent, session, state: fields[0] ?? "", name: stat.slice(open + 1, close) };
}

/** A line of `ps -A -o pid=,ppid=,pgid=,state=,comm=`. Only Linux tells the session; its group stands for it. */
export function parsePsLine(line: string): ListedProcess | undefined {
  const [, pid, parent, group, state = "", name = ""] =
    /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S)\S*\s+(.*)$/.exec(line) ?? [];
  if (pid === undefined) return undefined;
  return { pid: Number(pid), parent: Number(parent), session: Number(group), state, name };
}

const present = <T>(value: T | undefined): value is T => value !== undefined;

/** All processes of this system; none where it does not list them. Never throws. */
export function listProcesses(): readonly ListedProcess[] {
  try {
    if (process.platform === "win32") return [];
    if (process.platform === "linux") {
      const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
      return pids.map(statOf).filter(present);
    }
    const columns = ["-A", "-o", "pid=,ppid=,pgid=,state=,comm="];
    const listed = execFileSync("ps", columns, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return listed.split("\n").map(parsePsLine).filter(present);
  } catch {
    return [];
  }
}

function statOf(pid: string): ListedProcess | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined; // it has just ended
  }
}

/**
 * Which of `all` belong to a command: itself, all below it, and all in its session, whoever is their parent now.
 * The command first, then children after their parents.
 */
export function treeOf(root: number, all: readonly ListedProcess[]): readonly ListedProcess[] {
  const members = all.filter(({ session, pid }) => session === root || pid === root);
  const found = new Map(members.map((one) => [one.pid, one]));
  for (let grown = true; grown;) {
    const before = found.size;
    for (const one of all) if (found.has(one.parent)) found.set(one.pid, one);
    grown = found.size > before;
  }
  const depth = (one: ListedProcess): number => {
    let steps = 0;
    for (let at = found.get(one.parent); at !== undefined && steps < found.size; at = found.get(at.parent))
      steps++;
    return steps;
  };
  return [...found.values()].filter(({ state }) => state !== "Z").sort((a, b) => depth(a) - depth(b));
}

const isPython = ({ name }: ListedProcess): boolean => /^(?:python|pypy)[\d.]*\w?$/i.test(name);

/**
 * The process that an interrupt is for where no agent tells: the first Python in the tree; else the command itself, or what a
 * chain of single children (a shell, a wrapper) leads to.
 */
export function mainOf(root: number, tree: readonly ListedProcess[]): number {
  const python = tree.find(isPython);
  if (python !== undefined) return python.pid;
  let main = root;
  for (let left = tree.length; left > 0; left--) {
    const children = tree.filter(({ parent }) => parent === main);
    if (children.length !== 1) return main;
    main = children[0]!.pid;
  }
  return main;
}

/** Whether there is a Python among them. */
export const hasPython = (tree: readonly ListedProcess[]): boolean => tree.some(isPython);

/** The words of a process's command line; empty where the system does not say. */
export function wordsOfProcess(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

/** Whether a process was started with this variable in its environment; undefined where the system does not say. */
export function hasVariable(pid: number, name: string): boolean | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    return environment === "" ? undefined : environment.split("\0").some((one) => one.startsWith(`${name}=`));
  } catch {
    return undefined;
  }
}

/** When a process has started, in the system's own units: tells it from a later one with its number. Empty: not known. */
export function startOf(pid: number): string | undefined {
  const alive = isThere(pid);
  if (process.platform !== "linux") return alive ? "" : undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : (fields[19] ?? "");
  } catch {
    return undefined;
  }
}

/** Whether there is a process of this number. */
export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Sends a signal; one that cannot be sent is none. @returns whether it was */
export function signalTo(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Stops or continues a whole tree. Parents stop before their children, and it is looked again until no process is new: one
 * that is still running may start others.
 */
export function signalTree(root: number, signal: "SIGSTOP" | "SIGCONT"): void {
  const done = new Set<number>();
  for (let round = 0; round < 5; round++) {
    const tree = treeOf(root, listProcesses()).filter(({ pid }) => !done.has(pid));
    if (tree.length === 0 && round > 0) return;
    for (const { pid } of tree) {
      signalTo(pid, signal);
      done.add(pid);
    }
    if (!done.has(root)) {
      signalTo(root, signal);
      done.add(root);
    }
  }
}
