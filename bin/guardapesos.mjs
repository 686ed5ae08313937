#!/usr/bin/env node
import { buildIfStale } from "./build.mjs";

try {
  await buildIfStale();
} catch (error) {
  console.error(`guardapesos: ${error instanceof Error ? error.message : String(error)}`);
  console.error(
    "No se pudo compilar el programa (¿carpeta de solo lectura?): ejecute «npm run build» una vez.",
  );
  console.error("The program could not be built (a read-only folder?): run `npm run build` once.");
  process.exit(70);
}
const { main } = await import("../dist/cli/main.js");
await main(process.argv);
