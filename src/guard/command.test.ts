import { delimiter } from "node:path";
import { describe, expect, it } from "vitest";
import { whyMissing } from "./agent-missing.js";
import { agentFolder } from "./agent-folder.js";
import { environmentOf } from "./child.js";
import { mainOf, parsePsLine, parseStat, treeOf, type ListedProcess } from "./process-tree.js";
import { createLineCutter } from "./protocol.js";
import { scriptName, seriesName } from "./script-name.js";

describe("what a command is called", () => {
  it.each([
    ["python progan_local.py", "progan_local.py"],
    ["python -u data/train.py", "train.py"],
    ["torchrun --nproc-per-node 2 src/train.py --name x.py", "train.py"],
    ["python -m torch.distributed.run train.py", "train.py"],
    ["python -m package.train --epochs 3", "package.train"],
    ["./run.sh", "run.sh"],
    ["/opt/bin/trainer --fast", "trainer"],
    [String.raw`python C:\work\train.py`, "train.py"],
  ])("%s: %s", (typed, name) => {
    expect(scriptName(typed.split(" "))).toBe(name);
  });

  it("is a name that files can have", () => {
    expect(seriesName(["python", "mi entreno (1).py"])).toBe("mi_entreno_1_.py");
    expect(seriesName(["..."])).toBe("_");
    expect(seriesName([""])).toBe("script");
  });
});

describe("the environment of a guarded command", () => {
  const agent = { port: 7, token: "abc", folder: "/w/snapshots", set: undefined };

  it("has the agent in front of what was there, and nothing of a guard around", () => {
    const nested = { PATH: "/bin", PYTHONPATH: `/mine${delimiter}`, GUARDAPESOS_AGENT_SET: "old" };
    const environment = environmentOf(nested, { EXTRA: "1" }, agent);
    expect(environment).toMatchObject({
      PATH: "/bin",
      EXTRA: "1",
      PYTHONPATH: `${agentFolder}${delimiter}/mine${delimiter}`,
      GUARDAPESOS_AGENT_PORT: "7",
      GUARDAPESOS_AGENT_TOKEN: "abc",
      FOR_DISABLE_CONSOLE_CTRL_HANDLER: "1",
    });
    expect(environment["GUARDAPESOS_AGENT_SET"]).toBeUndefined();
    expect(environmentOf({}, {}, agent)["PYTHONPATH"]).toBe(agentFolder);
    expect(environmentOf(nested, {}, undefined)["PYTHONPATH"]).toBe(`/mine${delimiter}`);
  });
});

describe("the processes of a command", () => {
  const one = (pid: number, parent: number, session: number, name = "python3"): ListedProcess => ({
    pid,
    parent,
    session,
    state: "S",
    name,
  });

  it("are read from lines with any name in them", () => {
    expect(parseStat("42 (a) b (c) S 7 40 41 0 -1")).toEqual(one(42, 7, 41, "a) b (c"));
    expect(parseStat("nonsense")).toBeUndefined();
    expect(parsePsLine("   42     7    41 S    /usr/bin/python3 -u")).toEqual(
      one(42, 7, 41, "/usr/bin/python3 -u"),
    );
  });

  it("are all of its session and all below it, children after parents", () => {
    const all = [
      one(5, 4, 9),
      one(3, 2, 2, "sh"),
      one(2, 1, 2, "sh"),
      one(4, 3, 2),
      one(6, 1, 2),
      one(7, 1, 7),
    ];
    expect(treeOf(2, all).map(({ pid }) => pid)).toEqual([2, 6, 3, 4, 5]);
    expect(mainOf(2, treeOf(2, all))).toBe(6);
  });

  it("have as main one the first Python, else the last of a chain", () => {
    expect(mainOf(2, [one(2, 1, 2, "sh"), one(3, 2, 2, "python3.12")])).toBe(3);
    expect(mainOf(2, [one(2, 1, 2, "sh"), one(3, 2, 2, "sleep")])).toBe(3);
    expect(mainOf(2, [one(2, 1, 2, "sh"), one(3, 2, 2, "tee"), one(4, 2, 2, "julia")])).toBe(2);
    expect(mainOf(2, [])).toBe(2);
  });
});

describe("why there is no agent", () => {
  const why = (command: string, emptied = false) => whyMissing({ pythons: [command.split(" ")], emptied });

  it("is told from Python's options, not from the script's", () => {
    expect(why("python -I train.py")).toBe("isolated");
    expect(why("python -uE train.py")).toBe("isolated");
    expect(why("python -X dev -S train.py")).toBe("isolated");
    expect(why("python -u train.py -I")).toBe("no-answer");
    expect(why("python -m torch.distributed.run -E")).toBe("no-answer");
    expect(why("python train.py", true)).toBe("isolated");
    expect(whyMissing({ pythons: [], emptied: undefined })).toBe("no-python");
  });
});

describe("lines of a socket", () => {
  it("are whole ones, wherever the pieces are cut", () => {
    const bytes = Buffer.from('{"a":"ñ💾"}\n{"b":1}\n{"c"');
    for (let size = 1; size <= bytes.length; size++) {
      const cutter = createLineCutter();
      const lines: string[] = [];
      for (let at = 0; at < bytes.length; at += size)
        lines.push(...cutter.push(bytes.subarray(at, at + size))!);
      expect(lines).toEqual(['{"a":"ñ💾"}', '{"b":1}']);
    }
  });

  it("end the reading when one is too long, begun or whole", () => {
    expect(createLineCutter(8).push(Buffer.from("123456789"))).toBeUndefined();
    expect(createLineCutter(8).push(Buffer.from("12345678\n"))).toBeUndefined();
    expect(createLineCutter(8).push(Buffer.from("1234567\n"))).toEqual(["1234567"]);
  });
});
