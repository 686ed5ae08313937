/** What can compute, by the names of ONNX Runtime's execution providers. Apart from it, so that naming one does not load it. */
export const providers = ["cpu", "webgpu", "dml", "cuda", "coreml"] as const;
export type Provider = (typeof providers)[number];
