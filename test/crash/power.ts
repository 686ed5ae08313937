/**
 * A disk that remembers every operation, and what a power cut after any of them may leave.
 *
 * The model is meaner than real file systems: what was written and not synced is there or not, each 512-byte sector by
 * itself; every change of a folder's names that was not synced is there or not by itself. Only a rename is one change.
 */
import { link, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import type { Call } from "./matrix.js";

type Node = number;

/** One operation, in terms of files and folders rather than of paths. */
export type Operation = { readonly call: Call } & Effect;

type Effect =
  | { readonly type: "write"; readonly node: Node; readonly at: number; readonly bytes: Uint8Array }
  | { readonly type: "sync"; readonly node: Node }
  | {
      readonly type: "names";
      readonly folder: Node;
      readonly changes: readonly (readonly [string, Node | undefined])[];
    }
  | { readonly type: "sync-folder"; readonly folder: Node };

export interface Recording {
  readonly disk: Disk;
  readonly operations: readonly Operation[];
  /** What was there when the recording began; it counts as synced. */
  readonly root: Node;
  /** The path that a node had last, relative to the root: for messages. */
  pathOf(node: Node): string;
  isFolder(node: Node): boolean;
}

/** Records everything that happens below `root`, an empty folder; it does happen. */
export function record(root: string): Recording {
  const operations: Operation[] = [];
  const nodes = new Map<string, Node>([["", 0]]);
  const folders = new Set<Node>([0]);
  const paths = new Map<Node, string>([[0, ""]]);
  const sizes = new Map<Node, number>();
  let next = 1;
  const key = (path: string) => relative(root, path);
  const inside = (path: string) => !key(path).startsWith("..");
  const folderOf = (path: string) => nodes.get(key(dirname(path)))!;
  const nameOf = (path: string) => path.slice(dirname(path).length + 1);
  const place = (path: string, node: Node | undefined) => {
    if (node === undefined) return nodes.delete(key(path));
    nodes.set(key(path), node);
    paths.set(node, key(path));
    return true;
  };
  const fresh = (path: string, isFolder: boolean): Node => {
    const node = next++;
    if (isFolder) folders.add(node);
    else sizes.set(node, 0);
    place(path, node);
    operations.push({
      call: isFolder ? "mkdir" : "create",
      type: "names",
      folder: folderOf(path),
      changes: [[nameOf(path), node]],
    });
    return node;
  };
  const written = (node: Node, bytes: Uint8Array) => {
    const at = sizes.get(node)!;
    operations.push({ call: "write", type: "write", node, at, bytes: Uint8Array.from(bytes) });
    sizes.set(node, at + bytes.length);
  };

  const removed = (path: string) => {
    place(path, undefined);
    const changes = [[nameOf(path), undefined]] as const;
    operations.push({ call: "remove", type: "names", folder: folderOf(path), changes });
  };

  const disk: Disk = {
    ...nodeDisk,
    async create(path) {
      const sink = await nodeDisk.create(path);
      const node = fresh(path, false);
      return {
        async write(bytes) {
          await sink.write(bytes);
          written(node, bytes);
        },
        async sync() {
          await sink.sync();
          operations.push({ call: "fsync", type: "sync", node });
        },
        close: () => sink.close(),
        async discard() {
          await sink.close().catch(() => undefined);
          await disk.remove(path);
        },
      };
    },
    // As a file system that shares no blocks: each byte is copied, and recorded.
    clone: () => Promise.resolve(false),
    async makeFolder(path) {
      await nodeDisk.makeFolder(path);
      const missing: string[] = [];
      for (let at = path; inside(at) && !nodes.has(key(at)); at = dirname(at)) missing.unshift(at);
      for (const folder of missing) fresh(folder, true);
    },
    async rename(from, to) {
      await nodeDisk.rename(from, to);
      const node = nodes.get(key(from))!;
      if (nodes.get(key(to)) === node) return; // two names of one file: nothing happens
      const changes = [
        [nameOf(from), undefined],
        [nameOf(to), node],
      ] as const;
      operations.push({ call: "rename", type: "names", folder: folderOf(from), changes });
      const below = [...nodes].filter(([path]) => path.startsWith(`${key(from)}/`));
      for (const [path, child] of below) {
        nodes.delete(path);
        nodes.set(key(to) + path.slice(key(from).length), child);
      }
      place(from, undefined);
      place(to, node);
    },
    async link(existing, path) {
      await nodeDisk.link(existing, path);
      const node = nodes.get(key(existing))!;
      place(path, node);
      operations.push({
        call: "link",
        type: "names",
        folder: folderOf(path),
        changes: [[nameOf(path), node]],
      });
    },
    async remove(path) {
      await nodeDisk.remove(path);
      removed(path);
    },
    async removeFolder(path) {
      await nodeDisk.removeFolder(path);
      removed(path);
    },
    async syncFolder(path) {
      await nodeDisk.syncFolder(path);
      if (inside(path))
        operations.push({ call: "fsync folder", type: "sync-folder", folder: nodes.get(key(path))! });
    },
    async append(path, text) {
      await nodeDisk.append(path, text);
      written(nodes.get(key(path)) ?? fresh(path, false), new TextEncoder().encode(text));
    },
  };
  return {
    disk,
    operations,
    root: 0,
    pathOf: (node) => paths.get(node)!,
    isFolder: (node) => folders.has(node),
  };
}

/** What survives of unsynced things: asked once for each sector and each change of names, in order. */
export type Survives = (what: "sector" | "name") => boolean;

interface FileState {
  synced: Uint8Array;
  readonly pending: { at: number; bytes: Uint8Array }[];
}

interface FolderState {
  readonly synced: Map<string, Node>;
  readonly pending: (readonly (readonly [string, Node | undefined])[])[];
}

/** The tree that is left: files by node, so that hard links stay links. */
export interface Wreck {
  readonly files: ReadonlyMap<Node, Uint8Array>;
  readonly folders: ReadonlyMap<Node, ReadonlyMap<string, Node>>;
}

/** What a power cut after the first `count` operations leaves. */
export function cutPower(recording: Recording, count: number, survives: Survives): Wreck {
  const files = new Map<Node, FileState>();
  const folders = new Map<Node, FolderState>([[recording.root, { synced: new Map(), pending: [] }]]);
  const file = (node: Node) => {
    if (!files.has(node)) files.set(node, { synced: new Uint8Array(), pending: [] });
    return files.get(node)!;
  };
  const folder = (node: Node) => {
    if (!folders.has(node)) folders.set(node, { synced: new Map(), pending: [] });
    return folders.get(node)!;
  };
  for (const operation of recording.operations.slice(0, count)) {
    if (operation.type === "write") file(operation.node).pending.push(operation);
    else if (operation.type === "names") folder(operation.folder).pending.push(operation.changes);
    else if (operation.type === "sync") {
      const state = file(operation.node);
      state.synced = apply(state, () => true);
      state.pending.length = 0;
    } else {
      const state = folder(operation.folder);
      for (const changes of state.pending.splice(0)) change(state.synced, changes);
    }
  }
  return {
    files: new Map([...files].map(([node, state]) => [node, apply(state, survives)])),
    folders: new Map(
      [...folders].map(([node, { synced, pending }]) => {
        const names = new Map(synced);
        for (const changes of pending) if (survives("name")) change(names, changes);
        return [node, names];
      }),
    ),
  };
}

function change(names: Map<string, Node>, changes: readonly (readonly [string, Node | undefined])[]): void {
  for (const [name, node] of changes) {
    if (node === undefined) names.delete(name);
    else names.set(name, node);
  }
}

/** The content of a file of which some sectors of the unsynced writes have reached the disk. */
function apply({ synced, pending }: FileState, survives: Survives): Uint8Array {
  const sectors: { at: number; bytes: Uint8Array }[] = [];
  for (const { at, bytes } of pending) {
    for (let from = 0; from < bytes.length;) {
      const length = Math.min(bytes.length - from, 512 - ((at + from) % 512));
      if (survives("sector")) sectors.push({ at: at + from, bytes: bytes.subarray(from, from + length) });
      from += length;
    }
  }
  const size = sectors.reduce((end, { at, bytes }) => Math.max(end, at + bytes.length), synced.length);
  const content = new Uint8Array(size);
  content.set(synced);
  for (const { at, bytes } of sectors) content.set(bytes, at);
  return content;
}

/** A text that is the same for wrecks that are the same. */
export function describeWreck(recording: Recording, wreck: Wreck): string {
  const lines: string[] = [];
  const walk = (folder: Node, path: string) => {
    for (const [name, node] of [...(wreck.folders.get(folder) ?? [])].sort(([a], [b]) =>
      a.localeCompare(b),
    )) {
      const content = wreck.files.get(node) ?? new Uint8Array();
      const what = recording.isFolder(node) ? "/" : ` ${node} ${Buffer.from(content).toString("base64")}`;
      lines.push(`${path}${name}${what}`);
      if (recording.isFolder(node)) walk(node, `${path}${name}/`);
    }
  };
  walk(recording.root, "");
  return lines.join("\n");
}

/** Lays a wreck out on a real file system. @returns its folder */
export async function layOut(recording: Recording, wreck: Wreck, parent: string): Promise<string> {
  const root = await mkdtemp(join(parent, "wreck-"));
  const first = new Map<Node, string>();
  const walk = async (folder: Node, path: string): Promise<void> => {
    for (const [name, node] of wreck.folders.get(folder) ?? []) {
      const at = join(path, name);
      if (recording.isFolder(node)) {
        await mkdir(at);
        await walk(node, at);
      } else if (first.has(node)) await link(first.get(node)!, at);
      else {
        await writeFile(at, wreck.files.get(node) ?? new Uint8Array());
        first.set(node, at);
      }
    }
  };
  await walk(recording.root, root);
  return root;
}
