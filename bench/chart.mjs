/**
 * The measurements as a picture: a bar for each ratio to PyTorch, with a line at 1, and one for each share of training's time
 * that saving takes, with its goal. Plain SVG that follows the reader's light or dark theme.
 */
const [width, right, rowHeight, barHeight] = [330, 100, 24, 14];
/** Pixels of a letter, on the wide side. */
const letter = 6.9;

const style = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
  .head { font-weight: 600; font-size: 14px; }
  .note { font-size: 11px; fill: #59636e; }
  .good { fill: #1a7f37; }
  .bad { fill: #bc4c00; }
  .line { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 4 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; }
    .good { fill: #3fb950; }
    .bad { fill: #f0883e; }
    .line { stroke: #9198a1; }
  }`;

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]); // prettier-ignore
const place = (value) => String(Number(value.toFixed(1)));
const textAt = (x, y, text, attributes = "") =>
  `<text x="${place(x)}" y="${place(y)}"${attributes}>${escaped(text)}</text>`;

/** A part of the picture from `top` on. @param bars { label, value, told, goal } */
function panel(top, left, { title, note, bars }) {
  const most = 1.05 * Math.max(...bars.map(({ value, goal }) => Math.max(value, goal)));
  const x = (value) => left + (width * Math.max(0, value)) / most;
  const lines = [textAt(12, top + 18, title, ' class="head"'), textAt(12, top + 35, note, ' class="note"')];
  bars.forEach(({ label, value, told, goal }, i) => {
    const y = top + 46 + i * rowHeight;
    const middle = y + rowHeight / 2;
    const kind = value <= goal ? "good" : "bad";
    lines.push(
      textAt(left - 10, middle + 4.5, label, ' text-anchor="end"'),
      `<rect class="${kind}" x="${left}" y="${place(middle - barHeight / 2)}" width="${place(Math.max(1, x(value) - left))}" height="${barHeight}" rx="2"/>`,
      `<line class="line" x1="${place(x(goal))}" x2="${place(x(goal))}" y1="${place(y)}" y2="${place(y + rowHeight)}"/>`,
      textAt(Math.max(x(value), x(goal)) + 8, middle + 4.5, told),
    );
  });
  return { lines, bottom: top + 46 + bars.length * rowHeight + 18 };
}

/** @param result what `npm run bench` writes: { machine, sections } */
export function draw({ machine, sections }) {
  const rows = sections.flatMap((section) => section.rows);
  const against = rows.filter((row) => row.against === "PyTorch" && Number.isFinite(row.ratio));
  const shares = rows.filter((row) => row.unit === "%" && row.goal !== undefined);
  const panels = [
    {
      title: "Ours / PyTorch",
      note: "Time or memory; the line is PyTorch itself, shorter is better.",
      bars: against.map((row) => ({ label: row.what, value: row.ratio, told: row.ratio.toFixed(2), goal: 1 })),
    },
    {
      title: "What saving takes from training",
      note: "Share of the time while saves go on at that pace; the line is the goal.",
      bars: shares.map((row) => ({ label: row.what, value: row.ours, told: `${row.ours.toFixed(1)} %`, goal: row.goal })),
    },
  ].filter(({ bars }) => bars.length > 0); // prettier-ignore
  const labels = panels.flatMap(({ bars }) => bars.map(({ label }) => label.length));
  const left = Math.round(30 + letter * Math.max(...labels, 40));
  let top = 8;
  const lines = panels.flatMap((one) => {
    const drawn = panel(top, left, one);
    top = drawn.bottom;
    return drawn.lines;
  });
  const pytorch = machine.pytorch === undefined ? "" : `, PyTorch ${machine.pytorch}`;
  const foot = `${machine.date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, ${machine.gigabytes} GB, Node ${machine.node}, ONNX Runtime ${machine.onnxruntime}${pytorch}`;
  const [wide, high] = [left + width + right, top + 26];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}" viewBox="0 0 ${wide} ${high}" role="img">`,
    `<title>guardapesos: measurements</title>`,
    `<style>${style}\n</style>`,
    ...lines,
    textAt(12, top + 12, foot, ' class="note"'),
    `</svg>\n`,
  ].join("\n");
}
