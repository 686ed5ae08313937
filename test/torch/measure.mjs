/**
 * Writes, opens or verifies a file of so many megabytes, and prints the memory that it took beyond what the process had
 * before, as JSON. One step for each process: memory that was taken once is not given back.
 *   node measure.mjs write|open|verify PATH MEGABYTES
 */
import { dict, float32Tensor, readTorchFile, writeTorchFile } from "../../dist/torch/index.js";

const [step, path, megabytes] = process.argv.slice(2);
const elements = Math.round((Number(megabytes) * 1e6) / 4 / 50);
const tensors = () =>
  Array.from({ length: 50 }, (_, i) => [
    `layer.${i}`,
    float32Tensor([elements], new Float32Array(elements).fill(i)),
  ]);
const value = step === "write" ? dict(Object.fromEntries(tensors())) : undefined;

const memory = () => process.resourceUsage().maxRSS / 1024;
const before = memory();
if (step === "write") await writeTorchFile(path, value);
else {
  const file = await readTorchFile(path);
  if (step === "verify") await file.verify();
  await file.close();
}
console.log(JSON.stringify({ grownMiB: memory() - before }));
