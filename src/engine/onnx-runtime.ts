/**
 * ONNX Runtime, the one way to it. On Linux and macOS its library starts a telemetry client when it is loaded: a lasting
 * identifier and a store of events below the home folder, and connections to their collector. `telemetry-off` comes first,
 * and modules are run in the order of their imports.
 */
import "./telemetry-off.js";

export * from "onnxruntime-node";
