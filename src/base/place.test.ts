import { expect, it } from "vitest";
import { isElsewhere } from "./place.js";

it.each([
  "s3://bucket/prefix",
  "S3://b",
  "s3:x",
  "rclone:far:x",
  "rclone:far:",
  "https://h/x",
  "sftp://u@h/x",
  "file:///a",
])("takes %s for a place elsewhere", (place) => expect(isElsewhere(place)).toBe(true));

it.each([
  "weights",
  "./s3:x",
  "./rclone:far:x",
  "C:\\pesos",
  "C:/pesos",
  "D:",
  "a:b",
  "copies s3://x",
  "/mnt/s3:x",
  "\\\\nas\\x",
  "s3",
  "rclone",
  "",
])("takes %s for a path", (place) => expect(isElsewhere(place)).toBe(false));
