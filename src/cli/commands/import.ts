/** `guardapesos import`: keeps a checkpoint of another program once, by hand. */
import { existsSync } from "node:fs";
import { GuardapesosError } from "../../base/errors.js";
import type { Context } from "../context.js";
import { settingsOf } from "../context.js";
import type { commonOptions, configOption, importOptions, Settings } from "../options.js";
import { watchPath } from "./watch.js";

type Flags = Settings<typeof importOptions & typeof commonOptions & typeof configOption>;

/** Exit code 65 when something is not whole: that is not kept. @throws FOREIGN_NOT_FOUND, and what watchPath throws */
export async function importOnce(
  context: Context,
  flags: Flags,
  [path = ""]: readonly string[],
): Promise<void> {
  const { weights = "weights", name } = await settingsOf(context, flags);
  if (!existsSync(path))
    throw new GuardapesosError("TORCH_FILE_UNREADABLE", { file: path, reason: "missing", detail: "" });
  const { findForeign } = await import("../../torch/folders/index.js");
  if ((await findForeign(path)).length === 0)
    throw new GuardapesosError("FOREIGN_NOT_FOUND", { folder: path });
  await watchPath(context, {
    path,
    weights,
    name,
    events: undefined,
    once: true,
    every: 1,
    kind: "imported",
  });
}
