import { describe, expect, it, onTestFinished } from "vitest";
import { hello } from "../../test/harness/agent.js";
import type { RunEvent } from "../events/event.js";
import { createAgents } from "./agents.js";
import { watchForHangs } from "./hang-watch.js";
import type { AgentMessage, GuardMessage } from "./protocol.js";

/** A process that trains a batch a second, on a clock that the test moves. */
function trainingUnderWatch(hangKill: boolean) {
  let time = 0;
  let kills = 0;
  const events: RunEvent[] = [];
  const agents = createAgents(() => time);
  const watch = watchForHangs(
    agents,
    hangKill ? () => (kills += 1) : undefined,
    (event) => events.push(event),
    () => time,
  );
  onTestFinished(watch.close);
  const asked: GuardMessage[] = [];
  const connection = { hello, send: (message: GuardMessage) => void asked.push(message) };
  const tell = (message: object): void => agents.listener.message(connection, message as AgentMessage);
  let batches = 0;
  const beat = (): void =>
    tell({ t: "beat", batches, steps: batches, batchSeconds: 1, phase: "train", paused: false });
  const begin = (): void => {
    agents.listener.connected(connection);
    watch.began();
    tell({ t: "torch", version: "2.15.0", cuda: [] });
    tell({ t: "trains", steps: 1 });
  };
  begin();
  return {
    /** Beats come every five seconds; batches only where it gets on. */
    pass(seconds: number, getsOn: boolean) {
      for (const end = time + seconds; time < end;) {
        time += 5;
        if (getsOn) batches += 5;
        beat();
      }
    },
    restart() {
      agents.listener.closed(connection);
      begin();
    },
    types: () => events.map(({ type }) => type),
    asked,
    watch,
    kills: () => kills,
  };
}

describe("a process that gets on no more", () => {
  it("is told once, with its stacks asked for, and once more when it gets on", () => {
    const training = trainingUnderWatch(false);
    training.pass(60, true);
    training.pass(295, false);
    expect(training.types()).toEqual([]);
    training.pass(10, false);
    expect(training.types()).toEqual(["hang"]);
    expect(training.asked.map(({ t }) => t)).toEqual(["stacks"]);
    training.pass(10_000, false);
    expect(training.types()).toEqual(["hang"]);
    expect(training.watch.killed()).toBe(false);
    training.pass(5, true);
    expect(training.types()).toEqual(["hang", "hang-over"]);
  });

  it("is killed where that was asked for, each start anew", () => {
    const training = trainingUnderWatch(true);
    for (const kills of [1, 2]) {
      training.pass(60, true);
      training.pass(590, false);
      expect(training.kills()).toBe(kills - 1);
      training.pass(60, false);
      expect([training.kills(), training.watch.killed()]).toEqual([kills, true]);
      training.restart();
      expect(training.watch.killed()).toBe(false);
    }
  });
});
