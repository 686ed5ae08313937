/** The process in which NVML is called. Arguments: seconds between readings, then libraries to try instead of the usual. */
import { printCards } from "./card-lines.js";
import { libraryNames, openNvml, type Nvml } from "./nvml-library.js";

const [interval, ...libraries] = process.argv.slice(2);
const names = libraries.length > 0 ? libraries : libraryNames(process.platform, process.env);
let nvml: Nvml | undefined;
printCards(() => (nvml ??= openNvml(names)).read(), Number(interval));
