/** What other Pythons and PyTorchs write beside ordinary tensors: read as data, refused by name, or skipped; nothing is run. */
import { describe, expect, it } from "vitest";
import {
  dictOf,
  global,
  int,
  makeZip,
  pickleOf,
  recordsOf,
  storage,
  tensor,
  text,
} from "../../test/torch/make-zip.js";
import { describeTensors } from "./describe-tensor.js";
import { plainJson, valueToJson } from "./json.js";
import { pickle } from "./pickle-write.js";
import { readTorchBytes, type ReadOptions } from "./torch-read.js";
import { isDict, type TorchValue } from "./values.js";

const bytes = (...parts: (string | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)));

async function read(data: Uint8Array, options?: ReadOptions) {
  const file = await readTorchBytes("x.pth", makeZip(recordsOf(data)), options);
  await file.verify();
  return file;
}

/** What a file holds under its only key. */
async function valueOf(part: Uint8Array, options?: ReadOptions): Promise<TorchValue> {
  const { value } = await read(dictOf(part), options);
  return isDict(value) ? [...value.values()][0]! : value;
}

const json = (value: TorchValue) => valueToJson(value, () => "<tensor>");

describe("names of Python's own", () => {
  it.each([
    ["long", "int"],
    ["unicode", "str"],
    ["xrange", "range"],
    ["unichr", "chr"],
  ])("takes __builtin__.%s for %s, and writes it as it was", async (old, present) => {
    const value = await valueOf(bytes(global("__builtin__", old)));
    expect(json(value)).toEqual({ global: `builtins ${present}` });
    expect(Buffer.from(pickle(value).bytes).toString("latin1")).toContain(`c__builtin__\n${old}\n`);
  });

  it("reads pathlib._local, Ellipsis, type(None), TorchVersion and deque", async () => {
    const path = bytes(global("pathlib._local", "PosixPath"), "(", text("/"), text("data"), "tR");
    expect(json(await valueOf(path))).toEqual({ object: "pathlib PosixPath", args: ["/", "data"] });
    expect(json(await valueOf(bytes(global("__builtin__", "Ellipsis"))))).toEqual({
      global: "builtins Ellipsis",
    });
    const none = bytes(global("__builtin__", "type"), "N\x85R");
    expect(json(await valueOf(none))).toEqual({ object: "builtins type", args: [null] });
    const version = await valueOf(
      bytes(global("torch.torch_version", "TorchVersion"), text("2.15.0"), "\x85\x81"),
    );
    expect(plainJson(version)).toBe("2.15.0");
    const deque = await valueOf(bytes(global("collections", "deque"), ")K\x03\x86R(K\x01K\x02e"));
    expect(json(deque)).toEqual({ object: "collections deque", args: [{ tuple: [] }, 3], items: [1, 2] });
    expect(plainJson(deque)).toEqual([1, 2]);
    const again = await read(pickle([deque]).bytes);
    expect(json(again.value)).toEqual(json([deque]));
  });

  it("reads numbers, truth and objects of protocol 1", async () => {
    const namespace = bytes(
      global("copy_reg", "_reconstructor"), "(", global("argparse", "Namespace"), global("__builtin__", "object"),
      "NtR}", text("n"), "L1099511627776L\n", "s", text("on"), "I01\n", "sb",
    ); // prettier-ignore
    const { value } = await read(bytes("}", text("a"), namespace, "s."));
    const version = bytes(
      global("copy_reg", "_reconstructor"), "(", global("torch.torch_version", "TorchVersion"),
      global("__builtin__", "unicode"), text("2.15.0"), "tR",
    ); // prettier-ignore
    expect(plainJson(await valueOf(version))).toBe("2.15.0");
    expect(plainJson((value as Map<string, { state: TorchValue }>).get("a")!.state)).toEqual({
      n: 2 ** 40,
      on: true,
    });
  });

  it("reads texts of Python 2: UTF-8, else latin-1; a numpy scalar's bytes by their number", async () => {
    expect(await valueOf(bytes("U\x02\xc3\xb1"))).toBe("ñ");
    expect(await valueOf(bytes("U\x03a\xf1o"))).toBe("año");
    const float = Buffer.alloc(8);
    float.writeDoubleLE(-1.7);
    const dtype = bytes(
      global("numpy", "dtype"),
      text("f8"),
      "K\x00K\x01\x87R(K\x03",
      text("<"),
      "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
    );
    const scalar = bytes(global("numpy.core.multiarray", "scalar"), dtype, "U\x08", float, "\x86R");
    expect(await valueOf(scalar)).toBe(-1.7);
  });
});

const call = (module: string, name: string, ...args: (string | Uint8Array)[]) =>
  bytes(global(module, name), "(", ...args, "tR");

describe("a class of the user's", () => {
  const held = call("__main__", "Config", int(3), tensor(storage(4)));
  const withState = bytes(held, "}", text("lr"), int(1), "s", text("ignored"), "0b");

  it("is refused by its name", async () => {
    await expect(read(dictOf(held))).rejects.toMatchObject({
      code: "TORCH_FILE_REFUSED",
      data: { name: "__main__.Config" },
    });
  });

  it("is kept as data where it is to be skipped, with the tensors inside it", async () => {
    const file = await read(dictOf(withState), { skipUnknown: true });
    expect(file.skipped).toEqual(["__main__.Config"]);
    expect([...file.tensors()].map(([path]) => path.slice(1))).toEqual([[1]]);
  });

  it("may be a dict, a list, or made with keywords", async () => {
    const filled = bytes(call("__main__", "D"), text("k"), int(1), "s", "(", int(2), int(3), "e");
    expect(json(await valueOf(filled, { skipUnknown: true }))).toEqual({
      object: "__main__ D", args: [], items: [2, 3], entries: { dict: [["k", 1]] },
    }); // prettier-ignore
    const keywords = bytes(global("__main__", "K"), ")}\x92");
    await expect(read(dictOf(keywords))).rejects.toMatchObject({ code: "TORCH_FILE_REFUSED" });
    expect(json(await valueOf(keywords, { skipUnknown: true }))).toEqual({
      object: "__main__ K",
      args: [{ dict: [] }],
    });
  });

  it("cannot make what is known do anything else: its calls end as they do without it", async () => {
    const wrong = call(
      "torch._utils",
      "_rebuild_tensor_v2",
      storage(4),
      "K\x05",
      "K\x04\x85K\x01\x85\x89",
      call("collections", "OrderedDict"),
    );
    await expect(read(dictOf(wrong), { skipUnknown: true })).rejects.toMatchObject({
      code: "TORCH_FILE_INVALID",
    });
    const called = call("torch", "float32", "N");
    expect(json(await valueOf(called, { skipUnknown: true }))).toEqual({
      object: "torch float32",
      args: [null],
    });
    await expect(read(dictOf(called))).rejects.toMatchObject({ code: "TORCH_FILE_REFUSED" });
  });
});

describe("tensors that are no view of one storage", () => {
  const hooks = call("collections", "OrderedDict");
  const untyped = bytes(
    "(",
    text("storage"),
    global("torch.storage", "UntypedStorage"),
    text("0"),
    text("cpu"),
    int(16),
    "tQ",
  );

  it("lists one of a type that is not known, and all others beside it", async () => {
    const strange = call(
      "torch._utils",
      "_rebuild_tensor_v3",
      untyped,
      "K\x00K\x10\x85K\x01\x85\x89",
      hooks,
      global("torch", "float3_e1m1"),
    );
    const file = await read(dictOf(strange));
    const { tensors } = await describeTensors(file.allTensors(), { digests: true });
    expect(tensors).toMatchObject([
      { dtype: "float3_e1m1", layout: "unknown-type", shape: [16], parts: [{ shape: [16] }] },
    ]);
    expect(tensors[0]!.sha256).toBe(tensors[0]!.parts![0]!.sha256);
  });

  it("reads conjugated and negated numbers as they are meant, and writes the marks again", async () => {
    const neg = call(
      "torch._utils",
      "_rebuild_tensor_v2",
      storage(4),
      "K\x00K\x04\x85K\x01\x85\x89",
      hooks,
      "}",
      text("neg"),
      "\x88s",
    );
    const file = await read(dictOf(neg));
    const [[, found] = []] = [...file.tensors()];
    const plain = await read(dictOf(tensor(storage(4))));
    const [[, stored] = []] = [...plain.tensors()];
    const numbers = [...((await stored!.read()) as Float32Array)];
    expect([...((await found!.read()) as Float32Array)]).toEqual(numbers.map((number) => -number));
    const again = await read(pickle(file.value).bytes);
    expect([...again.tensors()][0]![1].neg).toBe(true);
  });

  it("refuses a mark on numbers that cannot have it", async () => {
    const conj = call(
      "torch._utils",
      "_rebuild_tensor_v2",
      storage(4),
      "K\x00K\x04\x85K\x01\x85\x89",
      hooks,
      "}",
      text("conj"),
      "\x88s",
    );
    await expect(read(dictOf(conj))).rejects.toMatchObject({ code: "TORCH_FILE_UNSUPPORTED" });
  });

  it("ends on nested tensors that lie about what is inside", async () => {
    const long = (shape: string) =>
      call(
        "torch._utils",
        "_rebuild_tensor_v2",
        storage(2, "0", "LongStorage"),
        "K\x00",
        shape,
        "K\x00K\x00\x86\x89",
        hooks,
      );
    const nested = call(
      "torch._utils",
      "_rebuild_nested_tensor",
      long("K\x02K\x01\x86"),
      long("K\x02K\x01\x86"),
      long("K\x02K\x01\x86"),
      long("K\x02K\x01\x86"),
    );
    const file = await read(dictOf(nested));
    await expect(describeTensors(file.allTensors(), {})).rejects.toMatchObject({
      code: "TORCH_FILE_INVALID",
    });
  });
});

describe("checksums", () => {
  const good = recordsOf(dictOf(tensor(storage(4))));
  it("are not asked of a file that has none", async () => {
    const file = await readTorchBytes(
      "x.pth",
      makeZip(good.map((record) => ({ ...record, lies: { crc: 0 } }))),
    );
    await file.verify();
    expect(file.checksums).toBe(false);
  });

  it("are asked of one that has some: its data was never written", async () => {
    const hollow = good.map((record, i) => (i === 1 ? { ...record, lies: { crc: 0 } } : record));
    const file = await readTorchBytes("x.pth", makeZip(hollow));
    await expect(file.verify()).rejects.toMatchObject({
      code: "TORCH_FILE_INVALID",
      data: { reason: "checksum" },
    });
  });
});

it("reads a pickle that is cut off as damaged, whatever may be skipped", async () => {
  const whole = pickleOf("}");
  await expect(read(whole.subarray(0, whole.length - 1), { skipUnknown: true })).rejects.toMatchObject({
    code: "TORCH_FILE_INVALID",
  });
});
