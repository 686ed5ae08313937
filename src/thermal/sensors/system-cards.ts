/** Cards without NVML: what Linux drivers tell in /sys, else what systeminformation finds. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import si from "systeminformation";
import type { Given } from "../reading.js";

async function number(path: string, unit: number): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return /^-?\d+\s*$/.test(text) ? Number(text) / unit : undefined;
}

/** Of each graphics card, its device's files (https://docs.kernel.org/gpu/amdgpu/thermal.html). */
async function driverCards(root: string): Promise<readonly Given[]> {
  const drm = join(root, "class", "drm");
  const cards = (await readdir(drm).catch(() => [])).filter((name) => /^card\d+$/.test(name)).sort();
  return Promise.all(
    cards.map(async (name): Promise<Given> => {
      const device = join(drm, name, "device");
      const monitors = join(device, "hwmon");
      const [monitor = ""] = await readdir(monitors).catch(() => []);
      const own = join(monitors, monitor);
      const [turns, mostTurns] = [await number(join(own, "pwm1"), 1), await number(join(own, "pwm1_max"), 1)];
      return {
        card: (await readFile(join(own, "name"), "utf8").catch(() => name)).trim(),
        temperature: await number(join(own, "temp1_input"), 1000),
        power: await number(join(own, "power1_average"), 1e6),
        utilisation: await number(join(device, "gpu_busy_percent"), 100),
        memoryUsed: await number(join(device, "mem_info_vram_used"), 1),
        memoryTotal: await number(join(device, "mem_info_vram_total"), 1),
        fan: turns === undefined || mostTurns === undefined ? undefined : turns / mostTurns,
        clock: await number(join(own, "freq1_input"), 1e6),
        memoryClock: await number(join(own, "freq2_input"), 1e6),
        shutdownAt: await number(join(own, "temp1_emergency"), 1000),
        slowdownAt: await number(join(own, "temp1_crit"), 1000),
      };
    }),
  );
}

const scaled = (value: number | null | undefined, unit: number): number | undefined =>
  value === null || value === undefined ? undefined : value * unit;

async function foundCards(): Promise<readonly Given[]> {
  const { controllers } = await si.graphics();
  return controllers.map((one) => ({
    card: [one.vendor, one.model].join(" ").trim() || undefined,
    temperature: scaled(one.temperatureGpu, 1),
    power: scaled(one.powerDraw, 1),
    utilisation: scaled(one.utilizationGpu, 0.01),
    memoryUsed: scaled(one.memoryUsed, 2 ** 20),
    memoryTotal: scaled(one.memoryTotal, 2 ** 20),
    fan: scaled(one.fanSpeed, 0.01),
    clock: scaled(one.clockCore, 1),
    memoryClock: scaled(one.clockMemory, 1),
  }));
}

/** Cards whose temperature is known; all of them share nothing but that. @param root where /sys is */
export async function systemCards(root: string): Promise<readonly Given[]> {
  const known = (cards: readonly Given[]) => cards.filter(({ temperature }) => temperature !== undefined);
  const told = known(await driverCards(root));
  return told.length > 0 ? told : known(await foundCards());
}
