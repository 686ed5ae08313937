/**
 * A JSON parser for headers that may be hostile: unlike JSON.parse it refuses a key that stands twice in an object
 * (which of the two counts is a matter of opinion), nesting beyond a limit, and it names the character where the text
 * is wrong. Objects come as Maps, so that no key means anything to JavaScript.
 */

export type StrictJson = null | boolean | number | string | StrictJson[] | Map<string, StrictJson>;

/** Thrown by parseStrict. */
export class JsonProblem extends Error {
  /** Character of the text. */
  readonly at: number;

  constructor(at: number, problem: string) {
    super(problem);
    this.at = at;
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;

/**
 * @param maxDepth objects and arrays inside each other
 * @throws JsonProblem
 */
export function parseStrict(text: string, maxDepth: number): StrictJson {
  let at = 0;
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const take = (character: string): boolean => {
    token(SPACE);
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const expect = (character: string): void => {
    if (!take(character)) throw new JsonProblem(at, `${character} is missing`);
  };
  const string = (): string => {
    token(SPACE);
    const start = at;
    if (text[at] !== '"') throw new JsonProblem(at, "a text is missing");
    do at += text[at] === "\\" ? 2 : 1;
    while (at < text.length && text[at] !== '"');
    at += 1;
    try {
      return JSON.parse(text.slice(start, at)) as string;
    } catch {
      throw new JsonProblem(start, "a text is damaged");
    }
  };
  const object = (depth: number): Map<string, StrictJson> => {
    const made = new Map<string, StrictJson>();
    if (take("}")) return made;
    do {
      const start = at;
      const key = string();
      if (made.has(key)) throw new JsonProblem(start, `the key ${JSON.stringify(key)} stands twice`);
      expect(":");
      made.set(key, value(depth));
    } while (take(","));
    expect("}");
    return made;
  };
  const array = (depth: number): StrictJson[] => {
    const made: StrictJson[] = [];
    if (take("]")) return made;
    do made.push(value(depth));
    while (take(","));
    expect("]");
    return made;
  };
  const value = (depth: number): StrictJson => {
    token(SPACE);
    const first = text[at];
    if (first === "{" || first === "[") {
      if (depth === maxDepth) throw new JsonProblem(at, "it is nested too deep");
      at += 1;
      return first === "{" ? object(depth + 1) : array(depth + 1);
    }
    if (first === '"') return string();
    const literal = token(LITERAL);
    if (literal !== undefined) return literal === "null" ? null : literal === "true";
    const number = token(NUMBER);
    if (number === undefined || number === "") throw new JsonProblem(at, "there is no value");
    return Number(number);
  };
  const parsed = value(0);
  token(SPACE);
  if (at < text.length) throw new JsonProblem(at, "there is more after its end");
  return parsed;
}
