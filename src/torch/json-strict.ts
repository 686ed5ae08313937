/**
 * A JSON parser for headers that may be hostile: unlike JSON.parse it refuses a key that stands twice in an object
 * (which of the two counts is a matter of opinion) and limits nesting and values, it gives one entry after the other
 * instead of keeping them all, and it names the character where the text is wrong. Objects come as Maps, so that no key
 * means anything to JavaScript.
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

export interface JsonLimits {
  /** Objects and arrays inside each other. */
  readonly depth: number;
  /** Values in one entry. */
  readonly values: number;
}

/**
 * Parses an object.
 * @param visit told each entry once it is parsed
 * @throws JsonProblem, and what `visit` throws
 */
export function parseStrictObject(
  text: string,
  limits: JsonLimits,
  visit: (key: string, value: StrictJson) => void,
): void {
  let at = 0;
  let values = 0;
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
  /** The entries of an object whose brace has been read. */
  const entries = (seen: { has: (key: string) => boolean }, entry: (key: string) => void): void => {
    if (take("}")) return;
    do {
      const start = at;
      const key = string();
      if (seen.has(key)) throw new JsonProblem(start, `the key ${JSON.stringify(key)} stands twice`);
      expect(":");
      entry(key);
    } while (take(","));
    expect("}");
  };
  const object = (depth: number): Map<string, StrictJson> => {
    const made = new Map<string, StrictJson>();
    entries(made, (key) => made.set(key, value(depth)));
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
    values += 1;
    if (values > limits.values) throw new JsonProblem(at, "there are too many values");
    const first = text[at];
    if (first === "{" || first === "[") {
      if (depth === limits.depth) throw new JsonProblem(at, "it is nested too deep");
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
  const keys = new Set<string>();
  expect("{");
  entries(keys, (key) => {
    values = 0;
    keys.add(key);
    visit(key, value(1));
  });
  token(SPACE);
  if (at < text.length) throw new JsonProblem(at, "there is more after its end");
}
