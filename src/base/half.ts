/** 16-bit floats as numbers: JavaScript has no typed array for them on every Node that is supported. */

/** IEEE 754 half precision: 1 sign bit, 5 of exponent, 10 of fraction. */
export function halfToNumber(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >>> 10) & 0x1f;
  const fraction = word & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

/** bfloat16: the upper half of a float32. */
export function bfloat16ToNumber(word: number): number {
  words[0] = word << 16;
  return floats[0]!;
}
