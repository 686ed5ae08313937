/** numpy's scalars, which users put beside their tensors (a loss, an epoch): read as the plain numbers they are. */
import type { CallSite } from "./globals.js";
import { halfToNumber } from "../base/half.js";
import { isKind, pythonFloat, type TorchValue } from "./values.js";

// prettier-ignore
const scalars = new Map<string, { readonly size: number; readonly read: (v: DataView, little: boolean) => TorchValue }>([
  ["f2", { size: 2, read: (v, little) => pythonFloat(halfToNumber(v.getUint16(0, little))) }],
  ["f4", { size: 4, read: (v, little) => pythonFloat(v.getFloat32(0, little)) }],
  ["f8", { size: 8, read: (v, little) => pythonFloat(v.getFloat64(0, little)) }],
  ["i1", { size: 1, read: (v) => v.getInt8(0) }],
  ["i2", { size: 2, read: (v, little) => v.getInt16(0, little) }],
  ["i4", { size: 4, read: (v, little) => v.getInt32(0, little) }],
  ["i8", { size: 8, read: (v, little) => narrowed(v.getBigInt64(0, little)) }],
  ["u1", { size: 1, read: (v) => v.getUint8(0) }],
  ["u2", { size: 2, read: (v, little) => v.getUint16(0, little) }],
  ["u4", { size: 4, read: (v, little) => v.getUint32(0, little) }],
  ["u8", { size: 8, read: (v, little) => narrowed(v.getBigUint64(0, little)) }],
  ["b1", { size: 1, read: (v) => v.getUint8(0) !== 0 }],
]);

/** A Python int as the type that holds it: number where it is exact, bigint beyond. */
export function narrowed(value: bigint): number | bigint {
  const rounded = Number(value);
  return Number.isSafeInteger(rounded) ? rounded : value;
}

/** Python 2 has no bytes beside its texts: what was read as one is turned back, by whichever encoding gives `size` bytes. */
function rawBytes(value: TorchValue | undefined, size: number): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value.length === size ? value : undefined;
  if (typeof value !== "string") return undefined;
  const encodings = ["latin1", "utf8"] as const;
  return encodings.map((encoding) => Buffer.from(value, encoding)).find(({ length }) => length === size);
}

/** numpy.core.multiarray.scalar(dtype, bytes). A dtype that is not a number stays as data. */
export function numpyScalar(args: readonly TorchValue[], site: CallSite): TorchValue {
  const [dtype, bytes, ...more] = args;
  if (!isKind(dtype, "object") || dtype.type.name !== "dtype" || more.length > 0) site.wrong();
  const [name] = dtype.args;
  const scalar = typeof name === "string" ? scalars.get(name) : undefined;
  if (scalar === undefined) return { kind: "object", type: site.callee, args };
  const data = rawBytes(bytes, scalar.size);
  if (data === undefined) site.wrong();
  // State of a dtype: (version, byte order, ...); ">" is big-endian.
  const order = isKind(dtype.state, "tuple") ? dtype.state.items[1] : "<";
  return scalar.read(new DataView(data.buffer, data.byteOffset, data.byteLength), order !== ">");
}
