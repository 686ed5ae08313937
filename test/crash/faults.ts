/** A disk that fails: once, at one operation, or for good from there on. */
import type { Disk } from "../../src/store/disk.js";

export interface FaultyDisk {
  readonly disk: Disk;
  /** Operations that could have failed since the last call of `arm` or the beginning. */
  count(): number;
  /**
   * @param at the operation that fails, counted from now, from 0
   * @param lasting whether all later ones that could fail with this code do, too
   */
  arm(at: number, code: string, lasting?: boolean): void;
  disarm(): void;
}

/** Operations that take room, and so may find none. */
const taking = new Set(["create", "write", "sync", "makeFolder", "rename", "link", "append", "syncFolder"]);

export function faulty(inner: Disk): FaultyDisk {
  let counter = 0;
  let armed: { at: number; code: string; lasting: boolean } | undefined;
  const mayFail = (operation: string): boolean => {
    if (armed?.code === "ENOSPC" && !taking.has(operation)) return false;
    const number = counter++;
    return armed !== undefined && (armed.lasting ? number >= armed.at : number === armed.at);
  };
  const failure = (operation: string) =>
    Object.assign(new Error(`${armed!.code}: ${operation}`), { code: armed!.code });
  const guard = async <T>(operation: string, action: () => Promise<T>): Promise<T> => {
    if (mayFail(operation)) throw failure(operation);
    return action();
  };
  const disk: Disk = {
    create: (path) =>
      guard("create", async () => {
        const sink = await inner.create(path);
        return {
          async write(bytes) {
            if (mayFail("write")) {
              // A full disk takes what still fits.
              await sink.write(bytes.subarray(0, bytes.length >> 1));
              throw failure("write");
            }
            await sink.write(bytes);
          },
          sync: () => guard("sync", () => sink.sync()),
          close: () => sink.close(),
          discard: () => sink.discard(),
        };
      }),
    createPrivate: (path) => guard("create", () => inner.createPrivate(path)),
    realPath: (path) => guard("info", () => inner.realPath(path)),
    clone: (from, path) => guard("create", () => inner.clone(from, path)),
    open: (path, links) =>
      guard("read", async () => {
        const source = await inner.open(path, links);
        return {
          ...source,
          readInto: (position, target) => guard("read", () => source.readInto(position, target)),
        };
      }),
    async *chunks(path) {
      if (mayFail("read")) throw failure("read");
      yield* inner.chunks(path);
    },
    readText: (path, extent) => guard("read", () => inner.readText(path, extent)),
    list: (folder) => guard("list", () => inner.list(folder)),
    info: (path) => guard("info", () => inner.info(path)),
    target: (path) => guard("info", () => inner.target(path)),
    makePrivateFolder: (path) => guard("makeFolder", () => inner.makePrivateFolder(path)),
    makeFolder: (path) => guard("makeFolder", () => inner.makeFolder(path)),
    rename: (from, to) => guard("rename", () => inner.rename(from, to)),
    link: (existing, path) => guard("link", () => inner.link(existing, path)),
    remove: (file) => guard("remove", () => inner.remove(file)),
    removeFolder: (path) => guard("removeFolder", () => inner.removeFolder(path)),
    syncFolder: (path) => guard("syncFolder", () => inner.syncFolder(path)),
    append: (path, text) => guard("append", () => inner.append(path, text)),
    freeFiles: (path) => inner.freeFiles(path),
    freeSpace: (path) => inner.freeSpace(path),
  };
  return {
    disk,
    count: () => counter,
    arm(at, code, lasting = false) {
      counter = 0;
      armed = { at, code, lasting };
    },
    disarm() {
      counter = 0;
      armed = undefined;
    },
  };
}
