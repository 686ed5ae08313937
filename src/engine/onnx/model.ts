/**
 * The few messages of the ONNX format that a training graph needs, written field by field.
 * Source of the field numbers: onnx/onnx.proto3, IR version 8.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** An attribute of an ONNX node: a whole number, some, a float or a word. */
export type AttributeValue = number | readonly number[] | { readonly float: number } | string;

export interface OnnxNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether its numbers are int64, not float32. */
  readonly whole?: boolean;
}

export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

const irVersion = 8;
const opsetVersion = 17;

const floatType = 1;
const int64Type = 7;

const attributeType = { float: 1, int: 2, string: 3, ints: 7 } as const;

type Fields = (writer: BinaryWriter) => void;

/** A message as a field of another one. */
function message(writer: BinaryWriter, field: number, fields: Fields): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  fields(writer);
  writer.join();
}

const text = (writer: BinaryWriter, field: number, value: string): unknown =>
  writer.tag(field, WireType.LengthDelimited).string(value);
const int = (writer: BinaryWriter, field: number, value: number): unknown =>
  writer.tag(field, WireType.Varint).int64(value);

function writeAttribute(writer: BinaryWriter, name: string, value: AttributeValue): void {
  text(writer, 1, name);
  if (typeof value === "number") {
    int(writer, 3, value);
    int(writer, 20, attributeType.int);
  } else if (typeof value === "string") {
    text(writer, 4, value);
    int(writer, 20, attributeType.string);
  } else if ("float" in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    int(writer, 20, attributeType.float);
  } else {
    for (const item of value) int(writer, 8, item);
    int(writer, 20, attributeType.ints);
  }
}

function writeNode(writer: BinaryWriter, node: OnnxNode): void {
  for (const name of node.inputs) text(writer, 1, name);
  for (const name of node.outputs) text(writer, 2, name);
  text(writer, 4, node.type);
  for (const [name, value] of Object.entries(node.attributes)) {
    message(writer, 5, (inner) => writeAttribute(inner, name, value));
  }
}

function writeTensor(writer: BinaryWriter, tensor: OnnxTensor): void {
  for (const length of tensor.shape) int(writer, 1, length);
  int(writer, 2, tensor.data instanceof Float32Array ? floatType : int64Type);
  text(writer, 8, tensor.name);
  const { buffer, byteOffset, byteLength } = tensor.data;
  writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(buffer, byteOffset, byteLength));
}

function writeValue(writer: BinaryWriter, value: OnnxValue): void {
  text(writer, 1, value.name);
  message(writer, 2, (type) => {
    message(type, 1, (tensor) => {
      int(tensor, 1, value.whole ? int64Type : floatType);
      message(tensor, 2, (shape) => {
        for (const length of value.shape) message(shape, 1, (dimension) => int(dimension, 1, length));
      });
    });
  });
}

/** The bytes of an ONNX model; the same model always gives the same bytes. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const writer = new BinaryWriter();
  int(writer, 1, irVersion);
  text(writer, 2, "guardapesos");
  message(writer, 7, (graph) => {
    for (const node of model.nodes) message(graph, 1, (inner) => writeNode(inner, node));
    text(graph, 2, "step");
    for (const tensor of model.constants) message(graph, 5, (inner) => writeTensor(inner, tensor));
    for (const value of model.inputs) message(graph, 11, (inner) => writeValue(inner, value));
    for (const value of model.outputs) message(graph, 12, (inner) => writeValue(inner, value));
  });
  message(writer, 8, (opset) => int(opset, 2, opsetVersion));
  return writer.finish();
}
