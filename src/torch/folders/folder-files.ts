/** What lies in a folder of others: names and sizes. Links to files are followed, links to folders are not. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export interface FolderFile {
  /** Relative to the folder, with "/". */
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly changed: number;
}

export interface FolderContent {
  readonly path: string;
  /** By name. */
  readonly files: readonly FolderFile[];
  /** Names of folders, by name. */
  readonly folders: readonly string[];
}

/** Files of which something is known at once; `stat` in a few threads. */
const AT_ONCE = 64;

/**
 * One level of a folder. What is no file and no folder (a pipe, a device, a link that leads nowhere), and what goes while it is
 * looked at, is left out.
 * @throws Node's own errors when the folder itself cannot be read
 */
export async function readFolder(path: string): Promise<FolderContent> {
  const entries = await readdir(path, { withFileTypes: true });
  const files: FolderFile[] = [];
  const names = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink()).map(({ name }) => name);
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const found = await Promise.all(
      names.slice(at, at + AT_ONCE).map(async (name) => {
        const facts = await stat(join(path, name)).catch(() => undefined);
        return facts?.isFile() ? { name, bytes: facts.size, changed: facts.mtimeMs } : undefined;
      }),
    );
    files.push(...found.filter((file) => file !== undefined));
  }
  return {
    path,
    files: files.sort((a, b) => (a.name < b.name ? -1 : 1)),
    folders: entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort(),
  };
}
