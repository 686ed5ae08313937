/**
 * What becomes of the snapshot that was made right before an interrupt: when the script has not saved since, a copy of it appears
 * beside the script's files.
 */
import { isGuardapesosError, reasonOf } from "../base/errors.js";
import { join } from "node:path";
import type { Emit } from "../events/event.js";
import type { GuardedFile } from "../events/guarded.js";
import type { Agents } from "./agents.js";
import { copyBeside, type SnapshotFile } from "./emergency.js";
import type { Interrupter } from "./interrupt.js";
import type { AgentMessageOf } from "./protocol.js";
import type { Stage } from "./stage.js";

export interface Rescue {
  /** The stage, from which nothing goes that may be needed. */
  readonly around: (stage: Stage) => Stage;
  /** Makes the copies, where they are wanted. Never rejects. @param weights where files go that the script has no name for */
  readonly copy: (emit: Emit, weights: string) => Promise<readonly GuardedFile[]>;
  /** The command is started again from its snapshot: there is nothing to rescue any more. */
  readonly reset: () => void;
  /** Whether the last save after the interrupt has failed: the script's, or ours where it made none. */
  readonly failed: () => boolean;
}

/** Where each file of a snapshot is to appear. */
export function placesOf(
  { files }: Pick<AgentMessageOf<"snapshot">, "files">,
  weights: string,
): readonly SnapshotFile[] {
  return files.map(({ path, as, network }, i) => ({
    from: path,
    beside: as ?? join(weights, `${network ?? `network-${i + 1}`}.pth`),
  }));
}

export function createRescue(agents: Agents, interrupter: Interrupter): Rescue {
  let snapshot: AgentMessageOf<"snapshot"> | undefined;
  let savedSince = false;
  let scriptFailed = false;
  let copyFailed = false;
  let refused = false;
  agents.observe({
    message: ({ state }, message) => {
      // Nothing is to be saved of a script that has trained nothing.
      if (interrupter.cause() === undefined || !state.trains) return;
      if (message.t === "snapshot" && message.reason !== "auto")
        [snapshot, savedSince, refused] = [message, false, false];
      else if (message.t === "no-snapshot" && message.reason === "error") refused = true;
      else if (message.t === "saved") [savedSince, scriptFailed] = [true, false];
      else if (message.t === "save-failed") scriptFailed = true;
    },
  });
  return {
    around: (stage) => ({
      ...stage,
      drop: (paths) =>
        stage.drop(paths.filter((path) => !snapshot?.files.some((file) => file.path === path))),
    }),
    async copy(emit, weights) {
      if (snapshot === undefined || savedSince) return [];
      try {
        const files = await copyBeside(placesOf(snapshot, weights), new Date());
        emit({ type: "emergency-copied", id: "", files });
        return files;
      } catch (error) {
        copyFailed = true;
        const isOurs = isGuardapesosError(error);
        emit({
          type: "save-failed",
          kind: "emergency",
          code: isOurs ? error.code : undefined,
          message: reasonOf(error),
          failures: 1,
          retrySeconds: undefined,
        } as never);
        return [];
      }
    },
    reset() {
      snapshot = undefined;
      [savedSince, scriptFailed, copyFailed, refused] = [false, false, false, false];
    },
    failed: () => scriptFailed || (!savedSince && (copyFailed || refused)),
  };
}
