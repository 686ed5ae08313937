/** `guardapesos run` with real processes and real terminals; the training is a small one that speaks the agent's protocol. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { program } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { inTerminal } from "../harness/terminal.js";

const fake = fileURLToPath(new URL("fake_training.py", import.meta.url));
const linux = process.platform === "linux";

/** Without `site`, so that the real agent stays out. */
const training = (...options: string[]): string[] => ["python3", "-S", fake, "--log", "log", ...options];
const guarded = (command: readonly string[], ...options: string[]): string[] => [
  process.execPath,
  program,
  "run",
  ...options,
  "--",
  ...command,
];

/** Runs it without a terminal until it ends. */
async function call(folder: string, argv: readonly string[]) {
  const [file, ...args] = argv as [string, ...string[]];
  const answer = await promisify(execFile)(file, args, { cwd: folder, timeout: 60_000 }).then(
    (output) => ({ ...output, code: 0 }),
    (error: unknown) => error as { stdout: string; stderr: string; code: number },
  );
  const { stdout, stderr, code } = answer;
  return { stdout, stderr, code };
}

const logOf = async (folder: string): Promise<string[]> =>
  (await readFile(join(folder, "log"), "utf8")).trimEnd().split("\n");
const ofLog = async (folder: string, begins: string): Promise<string[]> =>
  (await logOf(folder)).filter((line) => line.startsWith(begins));

describe("the exit code of a guarded command", { timeout: 60_000 }, () => {
  it("is its own when it ends by itself, and its output is its own", async () => {
    const folder = await testFolder();
    const { code, stdout } = await call(folder, guarded(["sh", "-c", "echo out; exit 7"]));
    expect({ code, stdout }).toEqual({ code: 7, stdout: "out\n" });
    expect((await call(folder, guarded(["sh", "-c", "kill -SEGV $$"]))).code).toBe(139);
  });

  it("is ours when nothing was started, and nothing is made", async () => {
    const folder = await testFolder();
    await writeFile(join(folder, "plain.txt"), "no program");
    expect((await call(folder, guarded([]))).code).toBe(64);
    expect((await call(folder, guarded(["no-such-program"]))).code).toBe(127);
    expect((await call(folder, guarded(["./nothing/here"]))).code).toBe(127);
    expect((await call(folder, guarded(["./plain.txt"]))).code).toBe(126);
    expect((await call(folder, guarded([folder]))).code).toBe(126);
    expect((await call(folder, guarded(["true"], "--restart", "x"))).code).toBe(64);
    expect((await call(folder, guarded(["true"], "--config", "none.json"))).code).toBe(78);
    expect((await call(folder, ["ls", "-A"])).stdout).toBe("plain.txt\n");
  });

  it("says whose code it is, in lines of JSON beside the command's output", async () => {
    const folder = await testFolder();
    const { code, stdout, stderr } = await call(
      folder,
      guarded(training("--batches", "3", "--exit", "4"), "--json", "--events", "events.jsonl"),
    );
    const lines = stderr.split("\n").filter(Boolean);
    const events = lines.map((line) => JSON.parse(line) as { type: string; child?: object });
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
    expect(events.at(-1)).toMatchObject({
      type: "ended",
      how: "failed",
      child: { name: "fake_training.py", exitCode: 4, codeOf: "script" },
    });
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["guard-started", "child-started", "agent-connected", "trains", "child-ended"]),
    );
    const file = (await readFile(join(folder, "events.jsonl"), "utf8")).trimEnd().split("\n");
    expect(file).toEqual(lines);
  });
});

describe.runIf(linux)("a guarded training in a terminal", { timeout: 60_000 }, () => {
  it.each([
    [1, ["--handler"]],
    [2, []],
    [50, []],
  ] as const)("is interrupted once by %i presses of Ctrl+C", async (presses, options) => {
    const folder = await testFolder();
    const press = [{ send: "\u0003" }, { sleep: 0.02 }];
    const shown = await inTerminal(folder, guarded(training("--bar", "--batch", "0.3", ...options)), [
      { wait: "Batch 2/" },
      ...Array.from({ length: presses }, () => press).flat(),
    ]);
    expect(shown).toMatchObject({ code: 130, failed: null });
    expect(await ofLog(folder, "interrupt")).toHaveLength(presses === 1 ? 1 : 2);
    expect(await ofLog(folder, 'asked {"t":"interrupt"')).toHaveLength(1);
    expect(shown.text).toMatch(/🛑/);
    // No line of ours stands in a bar.
    for (const line of shown.lines.filter((text) => /[🛑🔔👋]/u.test(text)))
      expect(line).not.toMatch(/Batch/);
  });

  it("pauses with Ctrl+Z, stops, and goes on with fg; the command has the terminal's own streams", async () => {
    const folder = await testFolder();
    const line = guarded(training()).join(" ");
    const shown = await inTerminal(
      folder,
      ["bash", "--norc", "-i"],
      [
        { wait: String.raw`\$ ` },
        { send: `${line}\n` },
        { wait: "Ctrl\\+C" },
        { sleep: 0.5 },
        { send: "\u001a" },
        { wait: "Stopped" },
        { send: "cp log before; sleep 0.6; cp log after; echo same $(cmp before after && echo yes)\n" },
        { wait: "same yes" },
        { send: "fg\n" },
        { sleep: 0.7 },
        { send: "\u0003" },
        { wait: "👋" },
        { send: "echo code $?\n" },
        { wait: "code 130" },
        { send: "exit\n" },
      ],
    );
    expect(shown.failed).toBeNull();
    expect(await ofLog(folder, "sid")).toEqual([expect.stringMatching(/^sid \d+ tty True$/)]);
    const after = (await readFile(join(folder, "after"), "utf8")).split("\n").length;
    expect((await logOf(folder)).length).toBeGreaterThan(after + 3);
  });

  it("gets the window's size, the users' signals, and a dump of its stacks; Node's inspector stays closed", async () => {
    const folder = await testFolder();
    const shown = await inTerminal(folder, guarded(training()), [
      { wait: "Ctrl\\+C" },
      { sleep: 0.7 },
      { send: "\u001c" },
      { wait: "fake.py" },
      { resize: [20, 60] },
      { sleep: 0.3 },
      { signal: "SIGUSR1" },
      { sleep: 0.4 },
      { send: "\u0003" },
    ]);
    expect(shown).toMatchObject({ code: 130, failed: null });
    expect(await ofLog(folder, "winch")).toHaveLength(1);
    expect(await ofLog(folder, "usr1")).toHaveLength(1);
    expect(shown.text).not.toMatch(/Debugger listening/);
  });

  it("is interrupted when the terminal is closed", async () => {
    const folder = await testFolder();
    const shown = await inTerminal(folder, guarded(training()), [
      { wait: "Ctrl\\+C" },
      { sleep: 0.7 },
      { close: true },
    ]);
    expect(shown).toMatchObject({ code: 129, failed: null });
    expect(await ofLog(folder, "interrupt SIGHUP")).toHaveLength(1);
  });

  it("is never killed when it ignores the interrupt: the command that would is told", async () => {
    const folder = await testFolder();
    const shown = await inTerminal(
      folder,
      ["bash", "--norc", "-i"],
      [
        { wait: String.raw`\$ ` },
        { send: `${guarded(training("--ignore")).join(" ")} &\n` },
        { wait: "Ctrl\\+C" },
        { sleep: 0.7 },
        { send: "kill -INT %1\n" },
        { wait: String.raw`kill -KILL -\d+` },
        { send: "eval $(sed -n 's/^pid /kill -KILL -/p' log); wait %1; echo code $?\n" },
        { wait: "code 137" },
        { send: "exit\n" },
      ],
    );
    expect(shown.failed).toBeNull();
    expect(await ofLog(folder, "ignored")).toHaveLength(1);
  });
});

describe.runIf(linux)("a guarded training without a terminal", { timeout: 60_000 }, () => {
  /** Starts it, and waits for its third batch. */
  async function running(folder: string, command: readonly string[], ...options: string[]) {
    const [file, ...args] = guarded(command, ...options) as [string, ...string[]];
    const child = spawn(file, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    let stderr = "";
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    // Not "close": the command has inherited standard error, and may live on.
    const ended = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    for (let tries = 0; tries < 200; tries++) {
      if ((await ofLog(folder, "batch 3").catch(() => [])).length > 0) break;
      await wait(50);
    }
    return { child, ended, stderr: () => stderr };
  }

  it("gets SIGTERM as the interrupt, or as its own handler's signal", async () => {
    const folder = await testFolder();
    const first = await running(folder, training());
    first.child.kill("SIGTERM");
    expect(await first.ended).toEqual([143, null]);
    expect(await ofLog(folder, "interrupted")).toHaveLength(1);
    const other = await testFolder();
    const second = await running(other, training("--term-handler"));
    second.child.kill("SIGTERM");
    expect(await second.ended).toEqual([143, null]);
    expect(await ofLog(other, "terminated")).toHaveLength(1);
  });

  it("is asked by guardapesos stop, and by --stop-after, which ends with 0", async () => {
    const asked = await testFolder();
    const waiting = await running(asked, training());
    const asker = await call(asked, [process.execPath, program, "stop", "--json"]);
    expect(asker.code).toBe(0);
    expect(JSON.parse(asker.stdout.trimEnd().split("\n").at(-1)!)).toMatchObject({
      type: "ended",
      how: "stopped",
      signal: "stop",
      child: { exitCode: 143, codeOf: "guardapesos" },
    });
    expect(await waiting.ended).toEqual([143, null]);
    const folder = await testFolder();
    const timed = await running(folder, training(), "--stop-after", "3s");
    expect(await timed.ended).toEqual([0, null]);
    expect(await ofLog(folder, "interrupt SIGINT")).toHaveLength(1);
  });

  it("is interrupted plainly without an agent, and stopped as a whole tree is", async () => {
    const folder = await testFolder();
    const { child, ended } = await running(
      folder,
      ["sh", "-c", `${training().join(" ")}; exit 9`],
      "--no-agent",
    );
    child.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
    expect(await ofLog(folder, "interrupted")).toHaveLength(1);
  });

  it("goes on when its guard is killed; a second one says so, with its number, and starts nothing", async () => {
    const folder = await testFolder();
    const { child, ended } = await running(folder, training());
    child.kill("SIGKILL");
    await ended;
    const pid = Number((await ofLog(folder, "pid"))[0]!.slice(4));
    const kill = (): void => {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    };
    onTestFinished(kill);
    const second = await call(folder, guarded(["touch", "started"]));
    expect(second.code).toBe(75);
    expect(second.stderr).toContain(String(pid));
    expect((await call(folder, ["ls"])).stdout).not.toContain("started");
    kill();
    while ((await call(folder, ["ps", "-p", String(pid)])).code === 0) await wait(50);
    expect((await call(folder, guarded(["touch", "started"]))).code).toBe(0);
  });

  it("keeps a second guard out of its folder", async () => {
    const folder = await testFolder();
    const { child, ended } = await running(folder, training());
    const second = await call(folder, guarded(["touch", "started"]));
    expect(second.code).toBe(75);
    child.kill("SIGINT");
    expect((await ended)[0]).toBe(130);
    expect((await call(folder, guarded(["touch", "started"]))).code).toBe(0);
  });
});

it("the socket drops who does not know the token", async () => {
  const { openAgentServer } = await import("../../src/guard/agent-server.js");
  const heard: string[] = [];
  const server = await openAgentServer({
    connected: () => heard.push("connected"),
    message: (_, { t }) => heard.push(t),
    closed: () => heard.push("closed"),
  });
  onTestFinished(server.close);
  const { connect } = await import("node:net");
  const hello = (token: string) =>
    `${JSON.stringify({ t: "hello", token, pid: 1, ppid: 1, python: "3.8.1", platform: "linux", executable: "", argv: [] })}\n`;
  for (const first of [hello("0".repeat(32)), '{"t":"trains","steps":1}\n', "x".repeat(2 ** 20 + 1)]) {
    const socket = connect(server.port, "127.0.0.1");
    const closed = once(socket, "close");
    socket.on("error", () => undefined).resume();
    socket.write(first);
    await closed;
  }
  expect(heard).toEqual([]);
  const socket = connect(server.port, "127.0.0.1");
  socket.write(`${hello(server.token)}{"t":"unknown"}\n{"t":"trains","steps":1}\n`);
  socket.resume();
  while (heard.length < 2) await wait(5);
  const closed = once(socket, "close");
  socket.end();
  await closed;
  expect(heard).toEqual(["connected", "trains", "closed"]);
});
