/** What the files of networks are called: those of a generation, and those that people have. */

export function networkFile(network: string): string {
  return `${network}.pth`;
}

/** The network of a generation's file. */
export function networkOfFile(file: string): string {
  return file.replace(/\.pth$/, "");
}

/** Which network a plain PyTorch file holds, where its name says so in full. */
export function networkOfName(file: string): "generator" | "critic" | undefined {
  if (/generator/i.test(file)) return "generator";
  return /critic|discriminator/i.test(file) ? "critic" : undefined;
}

/** What people call the two networks in the names of their files; short words only where they stand by themselves. */
const generatorWords = ["generator", "gen", "net_?g", "g"];
const criticWords = ["critic", "discriminator", "disc", "crit", "net_?d", "d"];

/** The last place of a word in a name, whatever its case. */
function wordIn(file: string, word: string): RegExpExecArray | undefined {
  const pattern = word.length > 5 ? word : `(?<![a-z])${word}(?![a-z])`;
  return [...file.matchAll(new RegExp(pattern, "gi"))].at(-1);
}

/** `word` written as `like` is: "G" and "d" give "D", "Generator" and "critic" give "Critic". */
function writtenAs(like: string, word: string): string {
  if (like === like.toUpperCase()) return word.toUpperCase();
  return like[0] === like[0]!.toLowerCase() ? word : word[0]!.toUpperCase() + word.slice(1);
}

/**
 * What the file that goes with a plain PyTorch file may be called: the name with the word for its network exchanged for
 * one of the other's, the likelier first. None when the name says neither.
 */
export function partnerNames(file: string): readonly string[] {
  const names = new Set<string>();
  for (const [from, to] of [
    [generatorWords, criticWords],
    [criticWords, generatorWords],
  ] as const) {
    for (const word of from) {
      const found = wordIn(file, word);
      if (found === undefined) continue;
      const [old] = found;
      // "netG" goes with "netD", and not with "critic".
      const isNet = /^net/i.test(old);
      for (const other of to.filter((one) => one.startsWith("net") === isNet)) {
        const fresh = isNet
          ? old.slice(0, -1) + writtenAs(old.slice(-1), other.slice(-1))
          : writtenAs(old, other);
        names.add(file.slice(0, found.index) + fresh + file.slice(found.index + old.length));
      }
    }
  }
  names.delete(file);
  return [...names];
}
