/** Where a worker thread's program is. Threads run the build even when the caller runs from source (tests). */
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * @param caller the `import.meta.url` of the module that starts the worker
 * @param file the worker's module relative to it, e.g. "./engine-worker.js"
 */
export function workerEntry(caller: string, file: string): URL {
  const fromSource = fileURLToPath(caller).endsWith(".ts");
  const path = fileURLToPath(new URL(file, caller));
  if (!fromSource) return pathToFileURL(path);
  const root = fileURLToPath(new URL("../../", import.meta.url));
  return pathToFileURL(path.replace(`${root}src`, `${root}dist`));
}
