/**
 * journal.jsonl: one line per save, for statistics over generations that are gone, and to recognise files that this store
 * has written. Only ever appended to; not synced, and a torn last line is ignored: nothing that matters depends on it.
 */
import { z } from "zod";
import { parseBounded } from "../base/bounded-json.js";
import { escapeControls } from "../base/printable.js";
import { highestSequence } from "./manifest.js";
import { checkpointKinds, journalPath } from "./names.js";
import type { Site } from "./site.js";

/** Bytes of it that are read, its last: far more than a training of years writes. */
const readAtMost = 2 ** 26;

/** Seconds; some thirty years. */
const longestSave = 1e9;

const entrySchema = z.looseObject({
  /** ISO 8601, UTC. */
  at: z.iso.datetime(),
  id: z.string(),
  kind: z.enum(checkpointKinds),
  /** Absent where it is not known. */
  step: z.int().nonnegative().optional(),
  /** The highest that was given out by then. */
  sequence: z.int().nonnegative().max(highestSequence),
  /** Of all files; 0 when it failed. */
  bytes: z.int().nonnegative(),
  /** From the request to the verified generation. */
  seconds: z.number().nonnegative().max(longestSave),
  /** Why the save failed; absent when it is verified. */
  failed: z.string().optional(),
  sha256: z.array(z.string()).readonly(),
});

export type JournalEntry = Readonly<z.infer<typeof entrySchema>>;

export async function appendJournal(site: Site, entry: JournalEntry): Promise<void> {
  // A line before it that a power cut has torn must not swallow this one: empty lines are skipped when reading.
  await site.disk.append(journalPath(site), `\n${escapeControls(JSON.stringify(entry))}\n`);
}

/** Oldest first. No journal, or an unreadable one, is an empty one. */
export async function readJournal(site: Site): Promise<JournalEntry[]> {
  const text = await site.disk.readText(journalPath(site), { last: readAtMost }).catch(() => "");
  return text.split("\n").flatMap((line) => {
    try {
      const entry = entrySchema.safeParse(parseBounded(line));
      return entry.success ? [entry.data] : [];
    } catch {
      return [];
    }
  });
}
