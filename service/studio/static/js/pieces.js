// A falling number in several pieces that can't be compared with one another: each has a scale of its own.
const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, MARGIN] = [100, 36, 2];

/** Draws pieces of points [place from 0 to 1, value], each on its own logarithmic scale; `label` says them in words. */
export function plotPieces(svg, pieces, label) {
  svg.replaceChildren(...pieces.filter((piece) => piece.length > 1).flatMap(drawn));
  svg.setAttribute("aria-label", label);
}

function drawn(piece) {
  const logs = piece.map(([, value]) => Math.log(Math.max(value, 1e-9)));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const at = piece.map(([place], i) => {
    const y = high > low ? (high - logs[i]) / (high - low) : 0.5;
    return `${(place * WIDTH).toFixed(2)},${(MARGIN + y * (HEIGHT - 2 * MARGIN)).toFixed(2)}`;
  });
  const [first, last] = [at[0].split(",")[0], at.at(-1).split(",")[0]];
  return [made("path", { class: "area", d: `M${first},${HEIGHT} L${at.join(" L")} L${last},${HEIGHT} Z` }), made("polyline", { points: at.join(" ") })];
}

function made(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
