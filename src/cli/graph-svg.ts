import type { FleetGraph } from "../status/graph.ts";
import { type Box, layOut, LINE, PADDING } from "./graph-layout.ts";
import { printable } from "./problems.ts";

/** Light and dark come from where it is shown: everything is drawn in the colour of its text. */
const STYLE = `
  .evenkeel { color-scheme: light dark; color: CanvasText; font: 12px ui-monospace, monospace; }
  .evenkeel rect { fill: currentColor; fill-opacity: .04; stroke: currentColor; }
  .evenkeel .tenant rect { fill: none; stroke-dasharray: 1 3; }
  .evenkeel .replica rect, .evenkeel .gateway rect { fill-opacity: .1; }
  .evenkeel .faint rect { stroke-dasharray: 5 4; }
  .evenkeel text { fill: currentColor; white-space: pre; }
  .evenkeel .hypervisor .first, .evenkeel .tenant .first { font-weight: bold; }
`;

/** A fleet as a picture that stands alone: no script, no font and no file of anybody else. */
export function drawSvg(graph: FleetGraph): string {
  const { width, height, boxes } = layOut(graph);
  return `<svg xmlns="http://www.w3.org/2000/svg" class="evenkeel" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${escaped(`Fleet ${graph.fleet}`)}</title>
<style>${STYLE}</style>
${boxes.map(drawBox).join("")}</svg>
`;
}

function drawBox({ kind, lines, faint, x, y, width, height }: Box): string {
  const texts = lines.map((line, index) => {
    const first = index === 0 ? ' class="first"' : "";
    return `<text${first} x="${x + PADDING}" y="${y + PADDING + LINE * index + 12}">${escaped(line)}</text>\n`;
  });
  return `<g class="${kind}${faint ? " faint" : ""}"><title>${escaped(lines.join(", "))}</title>
<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="4"/>
${texts.join("")}</g>
`;
}

const escaped = (text: string): string =>
  printable(text).replaceAll(/[<>&"']/g, (character) => `&#${character.codePointAt(0)};`);
