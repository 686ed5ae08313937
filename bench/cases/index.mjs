/** Every case. */
import growth from "./growth.mjs";
import guard from "./guard.mjs";
import heat from "./heat.mjs";
import images from "./images.mjs";
import precision from "./precision.mjs";
import profile from "./profile.mjs";
import resume from "./resume.mjs";
import saves from "./saves.mjs";
import steps from "./steps.mjs";
import stop from "./stop.mjs";
import torchFiles from "./torch-files.mjs";

/** Those that give rows, in the order of the table. @type {readonly import("../harness/types.js").Case[]} */
export const parts = [steps, saves, stop, resume, torchFiles, images, heat, guard];

/** Those that print by themselves what they find, and belong to no result. @type {readonly import("../harness/types.js").Case[]} */
export const looks = [profile, precision, growth];
