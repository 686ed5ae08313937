/** Which catalogue to speak from, and how an error becomes a sentence. */
import type { Failure, GuardapesosError } from "../base/errors.js";
import type { Texts } from "./en.js";
import { en } from "./en.js";
import { es } from "./es.js";
import { failureText } from "./failure.js";
import type { Language } from "./formats.js";

export type { Texts } from "./en.js";
export type { Place } from "./en-events.js";
export type { CommandName, OptionName } from "./en-help.js";
export { languages } from "./formats.js";
export type { Language } from "./formats.js";

const catalogues: Record<Language, Texts> = { en, es };

export function textsOf(language: Language): Texts {
  return catalogues[language];
}

/**
 * The sentence of an error. Never throws: where its data, which may come from a damaged file, makes no sentence, its code
 * and its data are the sentence.
 */
export function sentenceOf(texts: Texts, error: GuardapesosError): string {
  return failureText(texts.errors, error as Failure);
}

/**
 * The language of the environment: LC_ALL, then LC_MESSAGES, LANG and LANGUAGE, the first that is set, as POSIX orders
 * them; where none is (Windows), that of the system.
 * @param systemLocale a BCP 47 tag such as "es-ES"
 */
export function languageOf(
  environment: Readonly<Record<string, string | undefined>>,
  systemLocale: string,
): Language {
  const set = ["LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"].map((name) => environment[name]).find(Boolean);
  return /^es(?![a-z])/i.test(set ?? systemLocale) ? "es" : "en";
}
