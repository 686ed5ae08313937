/** How what was thrown, as data, becomes what a person reads. */
import type { ErrorCode, ErrorData, Failure } from "../base/errors.js";

type Sentences = { readonly [Code in ErrorCode]: (data: ErrorData[Code]) => string };

/**
 * The sentence of one of ours, the words of any other. Never throws: where the data, which may come from a damaged file, makes
 * no sentence, code and data are the sentence.
 */
export function failureText(errors: Sentences, { code, data, message }: Failure): string {
  if (code === undefined) return message;
  const sentence = errors[code] as ((data: ErrorData[ErrorCode] | undefined) => string) | undefined;
  try {
    return sentence === undefined ? message : sentence(data);
  } catch {
    return message;
  }
}
