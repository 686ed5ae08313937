/** Where the guard's Python agent lies: beside the sources, which the package holds, too. */
import { fileURLToPath } from "node:url";

/**
 * The folder that goes in front of a child's PYTHONPATH, absolute, without a separator at its end. Python reads it as it is:
 * the build does not copy it, so it is found from src/guard/ and dist/guard/ alike, both two levels below the root.
 */
export const agentFolder = fileURLToPath(new URL("../../src/guard/agent", import.meta.url));
