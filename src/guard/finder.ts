/**
 * Checkpoints that no agent tells of: files in the folders of `--from` that have been written since the command began, and lie
 * still. Whether they are whole is for the proof to say.
 */
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

/** What a look at a file tells; equal texts: it has not been touched between. */
interface Look {
  readonly key: string;
  /** Milliseconds of the first look that said so. */
  readonly since: number;
  given: boolean;
}

export interface Finder {
  /** @param ended the command has: nobody writes any more, so nothing is waited for */
  readonly look: (ended: boolean) => void;
  readonly close: () => void;
}

export interface FinderOptions {
  readonly folders: readonly string[];
  /** Milliseconds since 1970: what is older is not of this run. */
  readonly since: number;
  /** Whether an agent has told of a file already. */
  readonly isTold: (path: string) => boolean;
  readonly found: (path: string, bytes: number) => void;
}

/** Milliseconds for which a file has to lie still, and between two looks. */
const stillFor = 10_000;
const lookEvery = 5000;
/** A file system's clock may be behind ours, and count in steps of two seconds. */
const leeway = 2000;

const isCheckpoint = (name: string): boolean =>
  !name.startsWith(".") && /\.(?:pt|pth|ckpt|safetensors)$/i.test(name);

/** Checkpoints by their names in a folder and those below it; none where it cannot be read. */
function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && isCheckpoint(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !/[\\/](?:guardapesos|\.guardapesos-[^\\/]*)[\\/]/.test(path));
  } catch {
    return [];
  }
}

export function createFinder({ folders, since, isTold, found }: FinderOptions): Finder {
  const looks = new Map<string, Look>();
  const look = (ended: boolean): void => {
    for (const path of folders.flatMap((folder) => filesIn(resolve(folder)))) {
      if (isTold(path)) continue;
      const info = statSync(path, { throwIfNoEntry: false });
      if (info === undefined || info.mtimeMs < since - leeway) continue;
      const key = `${info.ino} ${info.size} ${info.mtimeMs}`;
      const before = looks.get(path);
      const now = before?.key === key ? before : { key, since: Date.now(), given: false };
      looks.set(path, now);
      if (now.given || (!ended && Date.now() - now.since < stillFor)) continue;
      now.given = true;
      found(path, info.size);
    }
  };
  const timer = setInterval(() => look(false), lookEvery);
  timer.unref();
  return { look, close: () => clearInterval(timer) };
}
