/** What an agent says first of a process: one that has started `/train.py` by itself. */
import type { Hello } from "../../src/guard/protocol.js";

export const hello: Hello = {
  t: "hello",
  token: "",
  pid: 7,
  ppid: 1,
  python: "3.12.3",
  platform: "linux",
  executable: "python3",
  argv: [],
  main: "/train.py",
  module: undefined,
  rank: undefined,
  world: undefined,
  restart: 0,
  spawned: false,
};
