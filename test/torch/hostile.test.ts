/** Files that are damaged or mean harm: each ends in its verdict, runs nothing, writes nothing, takes little memory. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  dictOf,
  floats,
  global,
  int,
  long,
  makeZip,
  pickleOf,
  readAll,
  recordsOf,
  storage,
  tensor,
  text,
  type ZipRecord,
} from "./make-zip.js";
import { goldFolder, goldMissing, hostileFiles } from "./gold.js";

const run = promisify(execFile);
const reader = fileURLToPath(new URL("./read-each.mjs", import.meta.url));

interface Outcome {
  readonly code?: string;
  readonly data?: { readonly offset?: number; readonly where?: unknown };
  readonly read?: true;
  readonly nonFinite?: number;
  readonly crash?: string;
}

describe.skipIf(goldMissing !== undefined)("hostile files made with PyTorch", () => {
  let empty: string;
  let outcome: { results: Record<string, Outcome>; polluted: boolean; slowest: number; grownMiB: number };
  let left: string[];

  beforeAll(async () => {
    empty = await mkdtemp(join(tmpdir(), "torch-hostile-"));
    const folder = join(goldFolder, "torchfile", "hostile");
    const args = ["--max-old-space-size=128", reader, folder, ...hostileFiles().map(({ file }) => file)];
    const { stdout } = await run(process.execPath, args, { cwd: empty, maxBuffer: 2 ** 24, timeout: 50_000 });
    outcome = JSON.parse(stdout) as typeof outcome;
    left = await readdir(empty);
  });
  afterAll(() => rm(empty, { recursive: true, force: true }));

  for (const { file, verdict, why } of hostileFiles()) {
    it(`${file}: ${verdict} (${why})`, () => {
      const result = outcome.results[file]!;
      expect(result.crash).toBeUndefined();
      if (verdict === "accept" || verdict === "accept_file_flag_content") expect(result.read).toBe(true);
      if (verdict === "accept_file_flag_content") expect(result.nonFinite).toBeGreaterThan(0);
      if (verdict === "reject") expect(result.code).toMatch(/^TORCH_FILE_(INVALID|REFUSED|UNSUPPORTED)$/);
      if (verdict === "detect_corruption") {
        expect(result.code).toBe("TORCH_FILE_INVALID");
        expect(result.data?.offset).toBeTypeOf("number");
        expect(result.data?.where).toBeDefined();
      }
    });
  }

  it("leaves no trace, in the folder or in JavaScript's own objects", () => {
    expect(left).toEqual([]);
    expect(outcome.polluted).toBe(false);
  });

  it("takes less than a second each, and little memory", () => {
    expect(outcome.slowest).toBeLessThan(1);
    // 64 for the greediest file, and what a process that has read all of them has grown by itself.
    expect(outcome.grownMiB).toBeLessThan(96);
  });
});

it.runIf(goldMissing !== undefined)("hostile files made with PyTorch are not here", (context) => {
  context.skip(goldMissing);
});

const good = dictOf(tensor(storage(4)));
const INVALID = "TORCH_FILE_INVALID";
const REFUSED = "TORCH_FILE_REFUSED";
const UNSUPPORTED = "TORCH_FILE_UNSUPPORTED";

/** Calls of a name, each on what the memo has at 0. */
const callsOn = (made: Uint8Array, module: string, name: string, times: number): Buffer =>
  pickleOf(made, "q\x000", global(module, name), "q\x010](", "h\x01h\x00\x85R".repeat(times), "e");
const many = (count: number, part: (i: number) => string | Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => Buffer.from(part(i) as string, "latin1")));

/** The good file with one record changed. */
const with0 = (change: Partial<ZipRecord>): Buffer =>
  makeZip(recordsOf(good).map((record, i) => (i === 1 ? { ...record, ...change } : record)));
const withPickle = (pickle: Uint8Array): Buffer => makeZip(recordsOf(pickle));
const zip64 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 + 8 * values.length);
  bytes.writeUInt16LE(1, 0);
  bytes.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, i) => bytes.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
  return bytes;
};

describe("a zip that lies", () => {
  const cases: readonly (readonly [what: string, bytes: () => Buffer, code: string])[] = [
    ["bytes before the archive", () => makeZip(recordsOf(good), {}, Buffer.from("PK\x03\x04 not yet")), INVALID],
    ["bytes after it", () => Buffer.concat([makeZip(recordsOf(good)), Buffer.from("!")]), INVALID],
    ["an archive comment", () => makeZip(recordsOf(good), { comment: Buffer.from("hello") }), INVALID],
    ["an end record inside the comment", () => makeZip(recordsOf(good), { comment: makeZip(recordsOf(good)) }), INVALID],
    ["a gap between records", () => with0({ gap: Buffer.from("hidden") }), INVALID],
    ["a local header with another name", () => with0({ lies: { localName: "archive/data/9" } }), INVALID],
    ["a local header with another CRC", () => with0({ lies: { localCrc: 1 } }), INVALID],
    ["a local header with another size", () => with0({ lies: { localSize: 15 } }), INVALID],
    ["a local header with another method", () => with0({ lies: { localMethod: 8 } }), INVALID],
    ["a wrong CRC everywhere", () => with0({ lies: { crc: 1 } }), INVALID],
    ["a descriptor that is announced but absent", () => with0({ lies: { flags: 0x0808 } }), INVALID],
    ["a deflated record marked as stored", () => with0({ deflate: true, lies: { method: 0 } }), INVALID],
    ["a stored record marked as deflated", () => with0({ lies: { method: 8 } }), INVALID],
    ["a deflated record with more than its size", () => with0({ data: floats(1, 2, 3, 4, 5), deflate: true, lies: { size: 16 } }), INVALID],
    ["a deflated record with less than its size", () => with0({ data: floats(1, 2, 3), deflate: true, lies: { size: 16 } }), INVALID],
    ["encryption", () => with0({ lies: { flags: 0x0801 } }), UNSUPPORTED],
    ["two records that overlap", () => with0({ lies: { offset: 40 } }), INVALID],
    ["a record that begins in the directory", () => with0({ lies: { offset: 400 } }), INVALID],
    ["a record of 2^60 bytes", () => with0({ lies: { size: 0xffffffff, packed: 0xffffffff, extra: zip64(2 ** 60, 2 ** 60) } }), INVALID],
    ["a zip64 field that is too short", () => with0({ lies: { size: 0xffffffff, packed: 0xffffffff, extra: zip64(16) } }), INVALID],
    ["two zip64 fields", () => with0({ lies: { extra: Buffer.concat([zip64(16), zip64(16)]) } }), INVALID],
    ["an extra field that runs over", () => with0({ lies: { extra: Buffer.from([7, 0, 200, 0, 1]) } }), INVALID],
    ["more records than are counted", () => makeZip(recordsOf(good), { count: 2 }), INVALID],
    ["fewer records than are counted", () => makeZip(recordsOf(good), { count: 4 }), INVALID],
    ["65535 records counted", () => makeZip(recordsOf(good), { count: 65535 }), INVALID],
    ["a directory that begins elsewhere", () => makeZip(recordsOf(good), { offset: 10 }), INVALID],
    ["a directory of another size", () => makeZip(recordsOf(good), { size: 10 }), INVALID],
    ["no records", () => makeZip([]), INVALID],
    ["a name with ..", () => makeZip([...recordsOf(good), { name: "archive/../x", data: floats() }]), INVALID],
    ["a name with a backslash", () => makeZip([...recordsOf(good), { name: "archive/a\\b", data: floats() }]), INVALID],
    ["a name with a NUL", () => makeZip([...recordsOf(good), { name: "archive/data/1\0", data: floats() }]), INVALID],
    ["a name with a drive", () => makeZip([...recordsOf(good), { name: "archive/C:x", data: floats() }]), INVALID],
    ["an empty name", () => makeZip([...recordsOf(good), { name: "", data: floats() }]), INVALID],
    ["two folders", () => makeZip([...recordsOf(good), { name: "other/data.pkl", data: good }]), INVALID],
    ["no folder", () => makeZip([{ name: "data.pkl", data: pickleOf("}") }]), INVALID],
    ["an unknown byte order", () => makeZip([...recordsOf(good), { name: "archive/byteorder", data: Buffer.from("middle") }]), INVALID],
    ["TorchScript", () => makeZip([...recordsOf(good), { name: "archive/constants.pkl", data: pickleOf(")") }]), UNSUPPORTED],
    ["a bomb of zeros with the right length", () => makeZip(recordsOf(dictOf(tensor(storage(2 ** 25), { shape: [2 ** 25] }))).map((r, i) => (i === 1 ? { ...r, data: new Uint8Array(2 ** 27), deflate: true } : r))), INVALID],
    ["a bomb in data.pkl", () => makeZip(recordsOf(pickleOf("}".repeat(2 ** 25))).map((r) => ({ ...r, deflate: true }))), UNSUPPORTED],
  ]; // prettier-ignore

  for (const [what, bytes, code] of cases) {
    it(`is refused: ${what}`, async () => {
      await expect(readAll(bytes())).rejects.toMatchObject({ code });
    });
  }

  it("is read when it does not lie", async () => {
    await expect(readAll(makeZip(recordsOf(good)))).resolves.toMatchObject({ format: "zip" });
    await expect(
      readAll(makeZip(recordsOf(good).map((r) => ({ ...r, deflate: true })))),
    ).resolves.toBeDefined();
    await expect(readAll(with0({ lies: { comment: "of a record" } }))).resolves.toBeDefined();
  });

  it("swaps the bytes of a big-endian file", async () => {
    const data = Buffer.from(floats(1, 2, 3, 4)).swap32();
    const records = [...recordsOf(good, data), { name: "archive/byteorder", data: Buffer.from("big") }];
    const file = await readAll(makeZip(records));
    const [[, one] = []] = [...file.tensors()];
    expect(await one!.read()).toEqual(Float32Array.of(1, 2, 3, 4));
  });
});

describe("a pickle that lies", () => {
  const deep = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth - 1);
  const laughs = (levels: number) => {
    const parts = ["]q\x00"];
    for (let k = 1; k < levels; k++)
      parts.push(`(h${String.fromCharCode(k - 1)}h${String.fromCharCode(k - 1)}lq${String.fromCharCode(k)}`);
    return parts.join("");
  };
  const cases: readonly (readonly [what: string, pickle: () => Uint8Array, code: string])[] = [
    ["a name in an allowed module", () => dictOf(global("torch", "load")), REFUSED],
    ["a name that is a path", () => dictOf(global("torch", "storage.UntypedStorage")), REFUSED],
    ["a name of JavaScript", () => dictOf(global("__proto__", "constructor")), REFUSED],
    ["a call of a name that is only a value", () => dictOf(`${global("torch", "float32")})R`), REFUSED],
    ["a call of a tensor", () => dictOf(Buffer.concat([tensor(storage(4)), Buffer.from(")R")])), INVALID],
    ["a call with something else than a tuple", () => dictOf(`${global("torch", "Size")}]R`), INVALID],
    ["NEWOBJ of a module", () => dictOf(`${global("torch.nn.modules.linear", "Linear")})\x81`), UNSUPPORTED],
    ["NEWOBJ_EX", () => dictOf(`${global("torch", "Size")})}\x92`), REFUSED],
    ["PERSID", () => dictOf("Pstorage\n"), REFUSED],
    ["an out-of-band buffer", () => dictOf("\x97"), REFUSED],
    ["a state for a dict", () => dictOf("}}b"), INVALID],
    ["a state for a tensor", () => dictOf(Buffer.concat([tensor(storage(4)), Buffer.from("}b")])), INVALID],
    ["bytes in another encoding", () => dictOf(Buffer.concat([Buffer.from(global("_codecs", "encode")), text("x"), text("rot13"), Buffer.from("\x86R", "latin1")])), INVALID],
    ["a bytearray of 2^40", () => dictOf(Buffer.concat([Buffer.from(global("builtins", "bytearray")), long(2n ** 40n), Buffer.from("\x85R", "latin1")])), INVALID],
    ["backward hooks", () => dictOf(Buffer.from(`${global("torch._utils", "_rebuild_parameter")}(`).toString() + tensor(storage(4)).toString("latin1") + `\x88}${text("h").toString("latin1")}NstR`), UNSUPPORTED],
    ["a list as a key", () => pickleOf("}]Ns"), INVALID],
    ["a list in a set", () => dictOf("\x8f(]\x90"), INVALID],
    ["half a pair", () => dictOf("}(Nu"), INVALID],
    ["values left over", () => pickleOf("NN"), INVALID],
    ["a mark left over", () => pickleOf("}("), INVALID],
    ["more after STOP", () => Buffer.concat([pickleOf("}"), Buffer.from(".")]), INVALID],
    ["PROTO in the middle", () => dictOf("\x80\x02N"), INVALID],
    ["protocol 1", () => Buffer.from("\x80\x01}.", "latin1"), INVALID],
    ["no protocol", () => Buffer.from("(dp0\n."), INVALID],
    ["a set that holds itself", () => dictOf("\x8fq\x00(h\x00\x85\x90"), INVALID],
    ["lists that hold each other", () => pickleOf("]q\x00]q\x01h\x00ah\x01a"), INVALID],
    ["a thousand laughs", () => pickleOf(laughs(30)), INVALID],
    ["lists 100000 deep", () => pickleOf(deep("]", "a", 100_000)), INVALID],
    ["tuples 100000 deep", () => pickleOf(")", "\x85".repeat(100_000)), INVALID],
    ["dicts 300 deep", () => pickleOf(Buffer.from("}"), ...Array.from({ length: 300 }, () => Buffer.concat([text("a"), Buffer.from("}")])), "s".repeat(300)), INVALID],
    ["deep only through the memo", () => pickleOf("]q\x00", ...Array.from({ length: 300 }, (_, i) => `]${i < 255 ? `q${String.fromCharCode(i + 1)}` : ""}h${String.fromCharCode(Math.min(i, 254))}a`), "t"), INVALID],
    ["a number of 2000 bytes", () => dictOf(Buffer.concat([Buffer.from([0x8b, 0xd0, 7, 0, 0]), Buffer.alloc(2000, 1)])), INVALID],
    ["a negative length", () => dictOf(Buffer.from([0x8b, 0xff, 0xff, 0xff, 0xff])), INVALID],
    ["text that is not UTF-8", () => dictOf(Buffer.from([0x58, 2, 0, 0, 0, 0xc3, 0x28])), INVALID],
    ["a memo of 2^32", () => pickleOf("}r\xff\xff\xff\xff"), INVALID],
    ["a million lists", () => pickleOf("]".repeat(2 ** 20)), INVALID],
    ["a storage of -4 elements", () => dictOf(tensor(storage(-4))), INVALID],
    ["a storage of two types", () => pickleOf("}(", text("a"), tensor(storage(4)), text("b"), tensor(storage(4, "0", "IntStorage")), "u"), INVALID],
    ["a storage of 5 elements in 16 bytes", () => dictOf(tensor(storage(5))), INVALID],
    ["a view one element too long", () => dictOf(tensor(storage(4), { offset: 1 })), INVALID],
    ["an empty view beyond the end", () => dictOf(tensor(storage(4), { offset: 5, shape: [0] })), INVALID],
    ["a huge stride", () => dictOf(tensor(storage(4), { shape: [2, 2], strides: [2 ** 31 - 1, 1] })), INVALID],
    ["repeated elements beyond measure", () => dictOf(tensor(storage(4), { shape: [2 ** 23], strides: [0] })), INVALID],
    ["many tensors of repeated elements", () => pickleOf("](", ...Array.from({ length: 40 }, () => tensor(storage(4), { shape: [2 ** 22], strides: [0] })), "e"), INVALID],
    ["65 dimensions", () => dictOf(tensor(storage(4), { shape: Array<number>(65).fill(1), strides: Array<number>(65).fill(1) })), INVALID],
    ["sizes whose product is no number", () => dictOf(tensor(storage(4), { shape: [2 ** 31 - 1, 2 ** 31 - 1, 2], strides: [0, 0, 0] })), INVALID],
    ["a single text", () => pickleOf(text("weights")), UNSUPPORTED],
  ]; // prettier-ignore

  for (const [what, pickle, code] of cases) {
    it(`is refused: ${what}`, async () => {
      await expect(readAll(withPickle(pickle()))).rejects.toMatchObject({ code });
    });
  }

  // Each took more than ten seconds, or all memory, before there was a limit for it.
  const exhausting: readonly (readonly [what: string, pickle: () => Uint8Array, problem: object])[] = [
    ["big integers as keys that all meet in one place", () => pickleOf("}(", many(12_000, (i) => Buffer.concat([Buffer.from([0x8a, 13, 5, 0, 0, 0, 0, 0, 0, 0]), int(i + 1).subarray(1), Buffer.from("\0N")])), "u"), { reason: "endless", opcode: "SETITEMS" }],
    ["integers as keys, too many without order", () => pickleOf("}(", many(12_000, (i) => Buffer.concat([int(1e9 + i * 7919), Buffer.from("N")])), "u"), { reason: "endless" }],
    ["the same in a set", () => dictOf(Buffer.concat([Buffer.from("\x8f(", "latin1"), many(12_000, (i) => int(1e9 + i * 7919)), Buffer.from([0x90])])), { reason: "endless", opcode: "ADDITEMS" }],
    ["an OrderedDict made from one list again and again", () => callsOn(Buffer.concat([Buffer.from("]("), many(5000, (i) => Buffer.concat([int(i), Buffer.from("N\x86", "latin1")])), Buffer.from("e")]), "collections", "OrderedDict", 2000), { reason: "memory", opcode: "REDUCE" }],
    ["a Counter made from one dict again and again", () => callsOn(Buffer.concat([Buffer.from("}("), many(5000, (i) => Buffer.concat([int(i), Buffer.from("N")])), Buffer.from("u")]), "collections", "Counter", 2000), { reason: "memory", opcode: "REDUCE" }],
    ["a set made from one list again and again", () => callsOn(Buffer.concat([Buffer.from("]("), many(5000, int), Buffer.from("e")]), "builtins", "set", 2000), { reason: "memory", opcode: "REDUCE" }],
    ["bytes made from one text again and again", () => pickleOf(text("a".repeat(100_000)), "q\x000", global("_codecs", "encode"), "q\x010", text("latin1"), "q\x020](", "h\x01h\x00h\x02\x86R".repeat(1000), "e"), { reason: "memory", opcode: "REDUCE" }],
    ["a text in 100,000 places", () => pickleOf("]", text("x".repeat(100_000)), "q\x00a(", "h\x00".repeat(100_000), "e"), { reason: "endless" }],
    ["a long number in 10,000 places", () => pickleOf("]", Buffer.from([0x8b, 0, 4, 0, 0]), Buffer.alloc(1024, 0x55), "q\x00a(", "h\x00".repeat(10_000), "e"), { reason: "endless" }],
    ["a long name before 10,000 tensors", () => pickleOf("}", text("k".repeat(100_000)), "](", tensor(storage(4)), "q\x00", "h\x00".repeat(10_000), "es"), { reason: "endless" }],
    ["metadata to be searched for each tensor", () => pickleOf("}(", many(5000, (i) => Buffer.concat([int(i), Buffer.from([0x89])])), "uq\x000", global("torch._utils", "_rebuild_tensor_v2"), "(", storage(4), "K\x00K\x04\x85K\x01\x85\x89Nh\x00tR"), { code: UNSUPPORTED }],
    ["lone surrogates", () => dictOf(Buffer.concat([Buffer.from([0x58, 0x80, 0x8d, 0x5b, 0]), many(2_000_000, () => Buffer.from([0xed, 0xa0, 0x80]))])), { reason: "memory", opcode: "BINUNICODE" }],
  ]; // prettier-ignore
  for (const [what, pickle, { code = INVALID, ...data }] of exhausting as readonly (readonly [
    string,
    () => Uint8Array,
    { code?: string },
  ])[]) {
    it(`is stopped before it takes long: ${what}`, async () => {
      await expect(readAll(withPickle(pickle()))).rejects.toMatchObject({ code, data });
    }); // prettier-ignore
  }

  it("is refused when a packed record would be unpacked for each of many tensors", async () => {
    const elements = 2 ** 20;
    const over = (offset: number) => tensor(storage(elements), { offset, shape: [1] });
    const records = recordsOf(pickleOf("](", many(200, over), "e"), new Uint8Array(4 * elements));
    const packed = makeZip(records.map((record, i) => (i === 1 ? { ...record, deflate: true } : record)));
    await expect(readAll(packed)).rejects.toMatchObject({ data: { reason: "memory" } });
    await expect(readAll(makeZip(records))).resolves.toBeDefined();
  });

  it.each([
    ["torch._utils _rebuild_tensor_v2", "x"],
    ["torch._utils ", "_rebuild_tensor_v2"],
    ["collections", "OrderedDict.__init__"],
    ["collections", "OrderedDict\r"],
    ["torch._utils", "_import_dotted_name"],
    ["torch.storage", "_load_from_bytes"],
    ["numpy.core.multiarray", "_reconstruct.__self__"],
    ["TORCH", "float32"],
    ["", "OrderedDict"],
    ["constructor", "constructor"],
  ])("is refused for a name that only looks allowed: %j %j", async (module, name) => {
    const pickles = [global(module, name), Buffer.concat([text(module), text(name), Buffer.from([0x93])])];
    for (const made of pickles)
      await expect(readAll(withPickle(dictOf(made)))).rejects.toMatchObject({ code: REFUSED });
  });

  it("takes a name from the memo, which may not be put together from it otherwise", async () => {
    const name = (first: number, second: number) =>
      pickleOf(text("collections"), "q\x000", text("OrderedDict"), "q\x010", Buffer.from([0x68, first, 0x68, second, 0x93]), ")R"); // prettier-ignore
    await expect(readAll(withPickle(name(0, 1)))).resolves.toBeDefined();
    await expect(readAll(withPickle(name(1, 0)))).rejects.toMatchObject({ code: REFUSED });
  });

  it("is named with its record, opcode and byte, in text that no terminal obeys", async () => {
    const hostile = dictOf(tensor(storage(4, "\x1b[2J\u202e".repeat(200))));
    const error: unknown = await readAll(withPickle(hostile)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      data: { where: { record: "data.pkl" }, opcode: "BINPERSID", offset: expect.any(Number) as number },
    });
    const { name } = (error as { data: { name: string } }).data;
    expect(name).toMatch(/^[ -~]+$/);
    expect(name.length).toBeLessThan(260);
  });

  it("reads what Python 2 wrote: byte strings, old modules, pairs in a list", async () => {
    const pickle = pickleOf("}U\x01w", `${global("collections", "OrderedDict")}](](U\x01aK\x01ee\x85R`, "s");
    const file = await readAll(withPickle(pickle));
    expect((file.value as Map<string, unknown>).get("w")).toEqual(new Map([["a", 1]]));
  });

  it("reads sizes that are whole and tensors that are empty", async () => {
    await expect(
      readAll(withPickle(dictOf(tensor(storage(4), { shape: [0, 7], strides: [7, 1] })))),
    ).resolves.toBeDefined();
    await expect(
      readAll(withPickle(dictOf(tensor(storage(4), { shape: [1000], strides: [0] })))),
    ).resolves.toBeDefined();
    await expect(readAll(withPickle(dictOf(int(7))))).resolves.toBeDefined();
  });
});

describe("a legacy file that lies", () => {
  const id = (view: string | Uint8Array) => Buffer.concat([storage(4).subarray(0, -2), Buffer.from(view), Buffer.from("tQ")]); // prettier-ignore
  const counted = (count: bigint) => {
    const bytes = Buffer.alloc(8 + 16);
    bytes.writeBigInt64LE(count);
    return bytes;
  };
  const legacy = (value: Uint8Array, keys: string | Uint8Array, data: Uint8Array) =>
    Buffer.concat([
      pickleOf("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"),
      pickleOf("M\xe9\x03"),
      pickleOf("}", text("little_endian"), "\x88s"),
      value,
      pickleOf("](", keys, "e"),
      data,
    ]);
  const value = dictOf(tensor(id("N")));

  it("is read when it does not", async () => {
    await expect(readAll(legacy(value, text("0"), counted(4n)))).resolves.toMatchObject({ format: "legacy" });
  });

  it.each([
    ["a negative count", () => legacy(value, text("0"), counted(-4n)), "storage"],
    ["a count of 2^62", () => legacy(value, text("0"), counted(2n ** 62n)), "storage"],
    ["no key", () => legacy(value, "", counted(4n)), "storage"],
    ["a key twice", () => legacy(value, Buffer.concat([text("0"), text("0")]), counted(4n)), "storage"],
    ["a key that is a number", () => legacy(value, int(0), counted(4n)), "storage"],
    ["a part that begins before its storage", () => legacy(dictOf(tensor(id(Buffer.concat([Buffer.from("("), text("0"), int(-1), int(8), Buffer.from("t")])))), text("0"), counted(4n)), "storage"],
    ["data that is cut off", () => legacy(value, text("0"), counted(4n).subarray(0, -1)), "cut-off"],
    ["more behind the data", () => legacy(value, text("0"), Buffer.concat([counted(4n), Buffer.alloc(1)])), "appended"],
  ] as const)("is refused: %s", async (_, bytes, reason) => {
    await expect(readAll(bytes())).rejects.toMatchObject({ code: INVALID, data: { reason } });
  }); // prettier-ignore
});
