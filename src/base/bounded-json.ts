/** JSON that anyone may have written. `JSON.parse` itself takes any depth, but what is done with its value afterwards does not. */

/** Objects and arrays inside each other, at most, in all that is read and written here. */
export const deepestJson = 64;

/** Whether a text opens more than `deepestJson` brackets inside each other, as far as it is JSON. */
export function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
        break;
      case "{":
      case "[":
        depth += 1;
        if (depth > deepestJson) return true;
        break;
      case "}":
      case "]":
        depth -= 1;
    }
  }
  return false;
}

/** @throws SyntaxError, also for what is nested too deep */
export function parseBounded(text: string): unknown {
  if (isTooDeep(text)) throw new SyntaxError(`nested deeper than ${deepestJson} levels`);
  return JSON.parse(text);
}
