/**
 * A value on its way from one thread to another by way of a third, which only passes it on. Nothing of it arrives where it
 * is not opened: much memory holds a thread up just by coming in (V8 then looks through all it has).
 */
import { MessageChannel, receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { invariant } from "./invariant.js";

declare const content: unique symbol;

/** To be listed with what is handed over; can be opened once. */
export type Sealed<Value> = MessagePort & { readonly [content]?: Value };

/** @param buffers of the value that are handed over, and are empty here afterwards; the rest is copied now */
export function seal<Value>(value: Value, buffers: readonly ArrayBuffer[]): Sealed<Value> {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(value, [...buffers]);
  port1.close();
  return port2;
}

/** What was sealed. REQUIRES: it has not been opened. */
export function unseal<Value>(sealed: Sealed<Value>): Value {
  const received = receiveMessageOnPort(sealed);
  invariant(received !== undefined, "what is sealed is opened once");
  sealed.close();
  return received.message as Value;
}
