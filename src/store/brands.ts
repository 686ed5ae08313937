/**
 * Texts and numbers that are not to be taken for each other: a folder for an id, a lineage for a save. Each is made in one
 * place, where it is built or read; a plain text is none of them.
 */
declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** The name of a generation's folder: see names.ts. */
export type GenerationId = Branded<string, "generation id">;

/** The path of a folder in which the store reads or writes. */
export type FolderPath = Branded<string, "folder path">;

/** 1 for the first save of a store, counted on over everything that was ever saved there: orders its generations. */
export type Sequence = Branded<number, "sequence">;

/** 32 hexadecimal digits: one save, and its copies. */
export type SaveId = Branded<string, "save id">;

/** 32 hexadecimal digits: a line of descent. */
export type Lineage = Branded<string, "lineage">;

/** For a path that was typed, or that another part of the program has built. */
export const folderPath = (path: string): FolderPath => path as FolderPath;
