import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseManifest, renderManifest, type Manifest } from "./manifest.js";

const hash = "0123456789abcdef".repeat(4);
const manifest: Manifest = {
  format: 2,
  id: "00000007-auto-20251106_153045",
  sequence: 3,
  pair: hash.slice(32),
  run: hash.slice(32),
  parent: null,
  label: "DRUSEN",
  name: "local",
  kind: "auto",
  step: 7,
  reason: "every 500 batches",
  savedAt: "2025-11-06T15:30:45.123Z",
  nonFinite: 0,
  progress: { alpha: 0.3, order: [1, 2], época: { deep: null } },
  files: [
    {
      network: "generator",
      file: "generator.pth",
      bytes: 10,
      sha256: hash,
      tensors: { "weights/a": { shape: [], crc32: hash.slice(56), nonFinite: 0 } },
    },
  ],
};

const codeOf = (text: string) => {
  try {
    parseManifest(manifest.id, text);
    return "accepted";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("the manifest", () => {
  it("is read as it was written", () => {
    expect(parseManifest(manifest.id, renderManifest(manifest))).toEqual(manifest);
  });

  it("keeps any progress", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const progress = JSON.parse(JSON.stringify(value)) as Manifest["progress"];
        expect(parseManifest("x", renderManifest({ ...manifest, progress })).progress).toEqual(progress);
      }),
      { examples: [[JSON.parse('{"__proto__":{"a":1}}') as Record<string, never>]] },
    );
  });

  it("is refused when one byte of it differs, is missing, or is too many", () => {
    const bytes = Buffer.from(renderManifest(manifest));
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 7);
      expect([at, codeOf(changed.toString())]).toEqual([at, "CHECKPOINT_DAMAGED"]);
    }
    for (let length = 0; length < bytes.length; length += 37) {
      expect(codeOf(bytes.subarray(0, length).toString())).toBe("CHECKPOINT_DAMAGED");
    }
    expect(codeOf(`${bytes.toString()} `)).toBe("CHECKPOINT_DAMAGED");
  });

  it("of a newer format is not damaged, but newer", () => {
    expect(codeOf(renderManifest({ ...manifest, format: 3 }))).toBe("CHECKPOINT_FORMAT_NEWER");
  });

  it("of format 1 is read, with the digests of its time, and a tensor has one digest", () => {
    const [file] = manifest.files;
    const withDigest = (digest: object) =>
      codeOf(
        renderManifest({
          ...manifest,
          format: 1,
          files: [{ ...file!, tensors: { "weights/a": { shape: [], ...digest, nonFinite: 0 } } }],
        }),
      );
    expect(withDigest({ sha256: hash })).toBe("accepted");
    expect(withDigest({})).toBe("CHECKPOINT_DAMAGED");
    expect(withDigest({ sha256: hash, crc32: hash.slice(56) })).toBe("CHECKPOINT_DAMAGED");
  });

  it("may have fields that this version does not know", () => {
    expect(codeOf(renderManifest({ ...manifest, ...{ later: { a: 1 } } }))).toBe("accepted");
  });

  it("cannot lead out of its folder", () => {
    const [file] = manifest.files;
    for (const other of [
      { network: "../../generator", file: "../../generator.pth" },
      { network: "generator", file: "/etc/passwd" },
    ]) {
      expect(codeOf(renderManifest({ ...manifest, files: [{ ...file!, ...other }] }))).toBe(
        "CHECKPOINT_DAMAGED",
      );
    }
  });
});
