/** Shows a run: on a terminal, as plain lines, or as JSON. */
import type { Emit } from "../../events/event.js";

export interface Presenter {
  readonly emit: Emit;
  /** Leaves the screen as it should be. Nothing is shown after it. */
  readonly close: () => void;
}
