/** Programs that read `detail` go on reading what it always was. */
import { expect, it } from "vitest";
import { failureOf, GuardapesosError } from "../base/errors.js";
import { warning, type WarningCode, type WarningData } from "./warning.js";

const damage = { id: "7-auto", file: "critic.pth", reason: "empty" } as const;
const cases: { readonly [Code in WarningCode]: readonly (readonly [WarningData[Code], string])[] } = {
  THREADS_DIFFER: [[{ before: 2, now: 4 }, "2 → 4"]],
  DEVICE_DIFFERS: [[{ before: "cuda", now: "cpu" }, "cuda → cpu"]],
  ARITHMETIC_DIFFERS: [[{ before: 1, now: 2 }, "1 → 2"]],
  DATA_DIFFERS: [[{ before: 24, now: 12 }, "24 → 12"]],
  START_IGNORED: [[{ wanted: 64, resolution: 16 }, "64 → 16"]],
  HALF_IMITATED: [[{ device: "cpu" }, "cpu"]],
  PLAN_ALREADY_FINISHED: [[{ id: "7-auto" }, "7-auto"]],
  NO_OPTIMIZER_STATE: [
    [{ id: "g.pth, c.pth", networks: [] }, "g.pth, c.pth"],
    [{ id: "g.pth, c.pth", networks: ["critic"] }, "critic"],
  ],
  OPTIMIZER_NOT_ADAM: [
    [
      {
        optimizers: [
          { network: "generator", kind: "SGD" },
          { network: "critic", kind: undefined },
        ],
      },
      "generator: SGD, critic: ?",
    ],
  ],
  OPTIMIZER_UNCLEAR: [[{ networks: ["generator", "critic"] }, "generator, critic"]],
  OPTIMIZER_OPTIONS_DIFFER: [
    [
      {
        options: [
          { network: undefined, name: "betas", there: "(0.5, 0.999)", here: "(0, 0.99)" },
          { network: "critic", name: "eps", there: 0.00001, here: 1e-8 },
        ],
      },
      "betas (0.5, 0.999) → (0, 0.99), critic: eps 0.00001 → 1e-8",
    ],
  ],
  LEARNING_RATE_TAKEN: [[{ learningRate: 0.00001 }, "0.00001"]],
  RESOLUTION_UNKNOWN: [[{ start: 4 }, "4"]],
  SAMPLES_NOT_WRITTEN: [
    [
      failureOf(new GuardapesosError("ENGINE_MEMORY", { what: "a", reason: "b" })),
      'ENGINE_MEMORY {"what":"a","reason":"b"}',
    ],
  ],
  IMAGES_NOT_CACHED: [
    [{ folders: ["/tmp"], reason: "full", detail: "" }, "/tmp (ENOSPC)"],
    [{ folders: ["/tmp"], reason: "changed", detail: "" }, "/tmp (CRC-32)"],
    [{ folders: ["/tmp", "/var/tmp"], reason: "no-disk", detail: "" }, "/tmp, /var/tmp (tmpfs)"],
    [{ folders: ["/tmp"], reason: "system", detail: "EIO: i/o error" }, "/tmp (EIO: i/o error)"],
  ],
  WEIGHTS_UNCHANGED: [[{ id: "7-auto" }, "7-auto"]],
  WAITING_FOR_FOLDER: [[{ purpose: "prune", pid: 7 }, "prune 7"]],
  STATE_TAKEN_UP: [[{ id: "7-auto" }, "7-auto"]],
  STATE_NOT_UNDERSTOOD: [[{ file: "/dev/shm/a" }, "/dev/shm/a"]],
  FILE_MOVED_ASIDE: [[{ path: "OLD_a.pth" }, "OLD_a.pth"]],
  NO_HARD_LINKS: [[{ folder: "weights" }, "weights"]],
  CHECKPOINT_DAMAGED: [[damage, new GuardapesosError("CHECKPOINT_DAMAGED", damage).message]],
  SAVED_ELSEWHERE: [[{ folder: "/home/a" }, "/home/a"]],
  SAVED_IN_MEMORY: [[{ folder: "/dev/shm/a" }, "/dev/shm/a"]],
  ROOM_MADE: [[{ ids: ["1-auto", "2-auto"] }, "1-auto, 2-auto"]],
  DISK_FILLING: [[{ savesLeft: 3 }, "3"]],
  WEIGHTS_NOT_FINITE: [[{ id: "7-auto", values: 3 }, "7-auto"]],
};

it.each(Object.keys(cases) as WarningCode[])("%s has its data beside the text that it always had", (code) => {
  for (const [data, detail] of cases[code])
    expect(warning(code, data)).toEqual({ type: "warning", code, data, detail });
});
