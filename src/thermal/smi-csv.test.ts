import { describe, expect, it } from "vitest";
import { smiTable } from "./smi-csv.js";

const headings =
  "index, name, temperature.gpu, power.draw [W], utilization.gpu [%], memory.used [MiB], memory.total [MiB], fan.speed [%], clocks.current.graphics [MHz], clocks.current.memory [MHz], clocks_throttle_reasons.active";

const read = (row: string, head = headings) => smiTable(head)!(row);

describe("nvidia-smi's CSV", () => {
  it("is read with its units", () => {
    const row = read(
      "0, NVIDIA GeForce RTX 3070, 71, 198.32 W, 97 %, 6843 MiB, 8192 MiB, 64 %, 1725 MHz, 6801 MHz, 0x0000000000000004",
    )!;
    expect(row).toEqual({
      index: 0,
      time: undefined,
      given: {
        card: "NVIDIA GeForce RTX 3070",
        temperature: 71,
        power: 198.32,
        utilisation: 0.97,
        memoryUsed: 6843 * 2 ** 20,
        memoryTotal: 2 ** 33,
        fan: 0.64,
        clock: 1725,
        memoryClock: 6801,
        slowdown: ["power-cap"],
      },
    });
  });

  it.each(["[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "ERR!", "", "-", "71 °", "0x10", "seventy"])(
    "takes %j for unknown, whatever it is the value of",
    (value) => {
      const row = read(Array.from({ length: 11 }, (_, i) => (i === 0 ? "1" : value)).join(", "))!;
      expect(row.index).toBe(1);
      const { card, ...measured } = row.given;
      expect(Object.values(measured).every((one) => one === undefined || Array.isArray(one))).toBe(true);
      if (/^\[|ERR!/.test(value)) expect(card).toBeUndefined();
    },
  );

  it("understands decimals with a comma, and the units of --format=nounits", () => {
    expect(read("0, X, 65, 120,34 W, 5 %, 1 MiB, 2 MiB, 30 %, 1 MHz, 2 MHz, [N/A]")?.given).toMatchObject({
      power: 120.34,
      slowdown: undefined,
    });
    expect(read("0, X, 65, 120.34, 50, 1, 2, 30, 1, 2, 0x40")?.given).toMatchObject({
      power: 120.34,
      utilisation: 0.5,
      memoryUsed: 2 ** 20,
      fan: 0.3,
      slowdown: ["hardware-thermal"],
    });
  });

  it("is read without its spaces", () => {
    expect(
      read("0,X,65,120.34 W,5 %,1 MiB,2 MiB,30 %,1 MHz,2 MHz,0x40", headings.replaceAll(", ", ","))?.given,
    ).toMatchObject({ card: "X", temperature: 65, power: 120.34, slowdown: ["hardware-thermal"] });
  });

  it("knows no column or unit that only JavaScript has", () => {
    expect(read("1, 60 constructor, 65", "constructor, power.draw, temperature.gpu")?.given).toMatchObject({
      temperature: 65,
      power: undefined,
    });
  });

  it("takes a number with another unit than its own for unknown", () => {
    expect(read("0, X, 65, 120 mW, 50 MHz, 1 %, 2, 30, 1, 2, 0x0")?.given).toMatchObject({
      temperature: 65,
      power: undefined,
      utilisation: undefined,
      memoryUsed: undefined,
    });
  });

  it("reads the moment of a log", () => {
    const row = read("2025/11/06 15:30:45.123, 82", "timestamp, temperature.gpu")!;
    expect(new Date(row.time!).getSeconds()).toBe(45);
    expect(row.given.temperature).toBe(82);
  });

  it("knows its headings from anything else", () => {
    for (const line of [
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
      "0, NVIDIA GeForce RTX 3070, 71",
      "index, name",
      "",
    ]) {
      expect(smiTable(line), line).toBeUndefined();
    }
    expect(read("0, X, 65")).toBeUndefined();
  });
});
