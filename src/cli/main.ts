export async function main(argv: readonly string[]): Promise<void> {
  console.log("hello", argv.slice(2).join(" "));
  await Promise.resolve();
}
