/** Finding the command that is to be guarded, before anything is made for it: as `execvp` would. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { GuardapesosError } from "../base/errors.js";

type Found = "executable" | "not-executable" | "missing";

function look(path: string): Found {
  try {
    if (!statSync(path).isFile()) return "not-executable";
    accessSync(path, constants.X_OK);
    return "executable";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "not-executable" : "missing";
  }
}

/**
 * Makes sure that there is such a program.
 * @param name as it was typed: a path where it holds a slash, else a name that is looked up in `path`
 * @throws PROGRAM_NOT_FOUND, PROGRAM_NOT_EXECUTABLE
 */
export function requireProgram(name: string, path: string | undefined): void {
  // Windows adds endings of its own, and says itself what is missing.
  if (process.platform === "win32") return;
  const folders = name.includes("/") ? undefined : (path ?? "/usr/local/bin:/usr/bin:/bin").split(delimiter);
  const places = folders?.map((folder) => join(folder === "" ? "." : folder, name)) ?? [name];
  const found = places.map(look);
  if (found.includes("executable")) return;
  if (found.includes("not-executable"))
    throw new GuardapesosError("PROGRAM_NOT_EXECUTABLE", { program: name });
  throw new GuardapesosError("PROGRAM_NOT_FOUND", { program: name });
}

/** The error of a start that has failed all the same. */
export function startError(name: string, error: Error): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return new GuardapesosError("PROGRAM_NOT_FOUND", { program: name }, error);
  if (code === "EACCES" || code === "EPERM" || code === "ENOEXEC")
    return new GuardapesosError("PROGRAM_NOT_EXECUTABLE", { program: name }, error);
  return error;
}
