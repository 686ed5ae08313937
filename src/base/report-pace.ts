/** How often progress is told: a word costs those who tell it and those who hear it. */
const secondsBetween = 0.1;

/** Asked at each bit of progress: true about ten times a second, and always for the last. */
export function createReportPace(): (isLast: boolean) => boolean {
  let toldAt = -Infinity;
  return (isLast) => {
    const now = performance.now() / 1000;
    if (!isLast && now - toldAt < secondsBetween) return false;
    toldAt = now;
    return true;
  };
}
