import { describe, expect, it } from "vitest";
import { createCoolDown } from "./cool-down.js";

describe("a cool-down by restart", () => {
  it("ends the script, waits until it has ended, and wants it again", async () => {
    let interrupts = 0;
    const coolDown = createCoolDown(() => interrupts++);
    expect([coolDown.isOn(), coolDown.childEnded()]).toEqual([false, false]);
    const begun = coolDown.begin(new AbortController().signal);
    expect([interrupts, coolDown.isOn()]).toEqual([1, true]);
    expect(coolDown.childEnded()).toBe(true);
    await begun;
    expect(coolDown.isOn()).toBe(true);
    coolDown.finish();
    expect(coolDown.isOn()).toBe(false);
    expect(coolDown.childEnded()).toBe(false); // the next end is its own
  });

  it("is over when somebody wants an end, or the driver does not want it any more", async () => {
    const wanted = new AbortController();
    const coolDown = createCoolDown(() => undefined);
    const begun = coolDown.begin(wanted.signal);
    coolDown.cancel();
    expect([coolDown.isOn(), coolDown.childEnded()]).toEqual([false, false]);
    await begun;
    const again = createCoolDown(() => undefined).begin(wanted.signal);
    wanted.abort();
    await again;
  });
});
