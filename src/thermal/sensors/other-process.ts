/**
 * The process in which other cards are asked. On Linux, amdgpu and other drivers tell their temperature in /sys; what they
 * do not tell, systeminformation may know. Arguments: seconds between readings, then where /sys is.
 */
import { printCards } from "./card-lines.js";
import { systemCards } from "./system-cards.js";

const [interval, root] = process.argv.slice(2);
printCards(() => systemCards(root ?? "/sys"), Number(interval));
