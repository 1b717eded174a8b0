// A falling number as a small curve on a logarithmic scale.
const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, MARGIN] = [100, 36, 2];

/** A new, empty drawing for `plot`. */
export function emptyPlot() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const area = document.createElementNS(SVG, "path");
  area.setAttribute("class", "area");
  svg.append(area, document.createElementNS(SVG, "polyline"));
  return svg;
}

/** Draws points [place from 0 to 1, value]; `label` says the curve in words. */
export function plot(svg, points, label) {
  const logs = points.map(([, value]) => Math.log(Math.max(value, 1e-9)));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const at = points.map(([place], i) => {
    const y = high > low ? (high - logs[i]) / (high - low) : 0;
    return `${(place * WIDTH).toFixed(2)},${(MARGIN + y * (HEIGHT - 2 * MARGIN)).toFixed(2)}`;
  });
  svg.querySelector("polyline").setAttribute("points", at.join(" "));
  const [first, last] = [at[0]?.split(",")[0], at.at(-1)?.split(",")[0]];
  svg.querySelector(".area").setAttribute("d", at.length ? `M${first},${HEIGHT} L${at.join(" L")} L${last},${HEIGHT} Z` : "");
  svg.setAttribute("aria-label", label);
}
