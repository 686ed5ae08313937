import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { seal, unseal, type Sealed } from "./sealed.js";

/** A thread that seals an array and ends, or one that opens what it is given. */
const thread = (code: string) =>
  new Worker(
    `const { MessageChannel, parentPort, receiveMessageOnPort } = require("node:worker_threads"); ${code}`,
    { eval: true },
  );

describe("a sealed value", () => {
  it("hands its buffers over and copies the rest, once", () => {
    const [given, kept] = [new Float32Array([1, 2]), new Float32Array([3])];
    const sealed = seal(new Map([["a", [given, kept]]]), [given.buffer]);
    kept[0] = 9;
    expect(given.length).toBe(0);
    expect(unseal(sealed)).toEqual(new Map([["a", [new Float32Array([1, 2]), new Float32Array([3])]]]));
    expect(() => unseal(sealed)).toThrow();
  });

  it("passes through a thread unopened, and outlives the one that sealed it", async () => {
    const first = thread(`
      const { port1, port2 } = new MessageChannel();
      const array = new Float32Array([5]);
      port1.postMessage(array, [array.buffer]);
      port1.close();
      parentPort.postMessage(port2, [port2]);`);
    const ended = once(first, "exit"); // asked for now: it can come in the same turn as the message
    const [sealed] = (await once(first, "message")) as [Sealed<Float32Array>];
    await ended;
    const second = thread(
      `parentPort.once("message", (sealed) => parentPort.postMessage(receiveMessageOnPort(sealed).message));`,
    );
    const opened = once(second, "message");
    const alsoEnded = once(second, "exit");
    second.postMessage(sealed, [sealed]);
    expect(await opened).toEqual([new Float32Array([5])]);
    await alsoEnded;
  });
});
