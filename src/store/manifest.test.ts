import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkpointKinds, generationId } from "./names.js";
import type { Digest } from "./artifact.js";
import type { Lineage, SaveId, Sequence } from "./brands.js";
import { parseManifest, renderManifest, type Manifest } from "./manifest.js";
import { parseReason, reasonSchema, reasonText, type SaveReason } from "./reason.js";

const hash = "0123456789abcdef".repeat(4);
const manifest: Manifest = {
  format: 3,
  id: generationId({ step: 7 }, "auto", "20251106_153045"),
  sequence: 3 as Sequence,
  saveId: hash.slice(32) as SaveId,
  lineage: hash.slice(32) as Lineage,
  parent: null,
  label: "DRUSEN",
  name: "local",
  kind: "auto",
  step: 7,
  reason: { why: "batches", batches: 500 },
  savedAt: "2025-11-06T15:30:45.123Z",
  nonFinite: 0,
  metadata: { alpha: 0.3, order: [1, 2], época: { deep: null } },
  artifacts: [
    {
      name: "generator.pth",
      bytes: 10,
      digest: `sha256:${hash}`,
      medium: "torch",
      tensors: { "weights/a": { shape: [], digest: `crc32:${hash.slice(56)}`, nonFinite: 0 } },
    },
  ],
};

/** The same as the version before wrote it. */
const before = {
  format: 2,
  id: manifest.id,
  sequence: 3,
  pair: manifest.saveId,
  run: manifest.lineage,
  parent: null,
  label: "DRUSEN",
  name: "local",
  kind: "auto",
  step: 7,
  reason: "every 500 batches",
  savedAt: manifest.savedAt,
  nonFinite: 0,
  progress: manifest.metadata,
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
const older = (value: object): string => renderManifest(value as Manifest);

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

  it("keeps any metadata", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const metadata = JSON.parse(JSON.stringify(value)) as Manifest["metadata"];
        expect(parseManifest("x", renderManifest({ ...manifest, metadata })).metadata).toEqual(metadata);
        expect(parseManifest("x", older({ ...before, progress: metadata })).metadata).toEqual(metadata);
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
    expect(codeOf(renderManifest({ ...manifest, format: 4 }))).toBe("CHECKPOINT_FORMAT_NEWER");
  });

  it("of format 2 is read as what format 3 says", () => {
    expect(parseManifest(manifest.id, older(before))).toEqual({ ...manifest, format: 2 });
  });

  it("of format 1 is read, with the digests of its time, and a tensor has one digest", () => {
    const [file] = before.files;
    const withDigest = (digest: object) =>
      older({
        ...before,
        format: 1,
        files: [{ ...file!, tensors: { "weights/a": { shape: [], ...digest, nonFinite: 0 } } }],
      });
    const { tensors } = parseManifest("x", withDigest({ sha256: hash })).artifacts[0]!;
    expect(tensors).toEqual({ "weights/a": { shape: [], digest: `sha256:${hash}`, nonFinite: 0 } });
    expect(codeOf(withDigest({}))).toBe("CHECKPOINT_DAMAGED");
    expect(codeOf(withDigest({ sha256: hash, crc32: hash.slice(56) }))).toBe("CHECKPOINT_DAMAGED");
  });

  it("may have fields that this version does not know", () => {
    expect(codeOf(renderManifest({ ...manifest, ...{ later: { a: 1 } } }))).toBe("accepted");
  });

  it("cannot lead out of its folder, or name a file twice or like one of the store's", () => {
    const [artifact] = manifest.artifacts;
    const names = (...all: string[]) =>
      codeOf(renderManifest({ ...manifest, artifacts: all.map((name) => ({ ...artifact!, name })) }));
    expect(names("model-00001-of-00002.safetensors", "rng state.pkl")).toBe("accepted");
    for (const name of [
      "../../generator.pth",
      "/etc/passwd",
      ".hidden",
      "a/b",
      "a\\b",
      "",
      "a.",
      "Manifest.json",
    ])
      expect([name, names(name)]).toEqual([name, "CHECKPOINT_DAMAGED"]);
    expect(names("a.pth", "A.pth")).toBe("CHECKPOINT_DAMAGED");
    for (const other of [
      { network: "../../generator", file: "../../generator.pth" },
      { network: "generator", file: "/etc/passwd" },
    ]) {
      const [file] = before.files;
      expect(codeOf(older({ ...before, files: [{ ...file!, ...other }] }))).toBe("CHECKPOINT_DAMAGED");
    }
  });

  it("has digests of whatever algorithm the system knows", () => {
    const [artifact] = manifest.artifacts;
    const withDigest = (digest: string) =>
      codeOf(renderManifest({ ...manifest, artifacts: [{ ...artifact!, digest: digest as Digest }] }));
    expect(withDigest(`sha512:${hash}${hash}`)).toBe("accepted");
    for (const digest of [hash, "sha256:", "crc9:ab", "sha256:XY"])
      expect([digest, withDigest(digest)]).toEqual([digest, "CHECKPOINT_DAMAGED"]);
  });
});

describe("the reason of a save", () => {
  const reasons: SaveReason[] = [
    { why: "batches", batches: 500 },
    { why: "minutes", minutes: 7.5 },
    { why: "cost", seconds: 120 },
    { why: "stage-end" },
    { why: "epoch-end" },
    { why: "asked" },
    { why: "retry" },
    { why: "other", text: "whatever" },
  ];

  it("is read back from its sentence", () => {
    for (const reason of reasons) expect(parseReason(reasonText(reason), "auto")).toEqual(reason);
    expect(parseReason("SIGINT", "emergency")).toEqual({ why: "stop", cause: "SIGINT" });
    expect(parseReason("restored from 2025-11-06", "manual")).toEqual({
      why: "restored",
      from: "2025-11-06",
    });
    expect(parseReason("restored from 2025-11-06", "auto").why).toBe("other");
  });

  it("is the same sentence again, whatever it was", () => {
    const sentence = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .tuple(
          fc.constantFrom("every ", "restored from ", ""),
          fc.string(),
          fc.constantFrom(" batches", " minutes", ""),
        )
        .map((parts) => parts.join("")),
      fc.double({ noNaN: true }).map((number) => `every ${number} minutes`),
    );
    fc.assert(
      fc.property(sentence, fc.constantFrom(...checkpointKinds), (text, kind) => {
        const reason = parseReason(text, kind);
        expect(reasonText(reason)).toBe(text);
        expect(reasonSchema.parse(JSON.parse(JSON.stringify(reason)))).toEqual(reason);
      }),
    );
  });
});
