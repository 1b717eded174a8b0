// The loss over the course of a transfer, as a small curve on a logarithmic scale.
import { $ } from "./dom.js";
import { visit } from "./memory.js";
import { number } from "./words.js";

const [WIDTH, HEIGHT, MARGIN] = [100, 36, 2];
const MOST = 400; // points kept

let id = "";
let points = []; // [share of the iterations, total loss]

const nameOf = (job) => `studio.curve.${job}`;

/** Begins the curve of a transfer, with the points that this tab has seen before a reload. */
export function beginCurve(job) {
  id = job;
  points = JSON.parse(visit.get(nameOf(id)) ?? "[]");
  draw();
}

export function addToCurve(share, loss) {
  const last = points.at(-1);
  if (last && share <= last[0]) return;
  points.push([share, loss]);
  if (points.length > MOST) points = points.filter((_, i) => i % 2);
  visit.set(nameOf(id), JSON.stringify(points));
  draw();
}

export function forgetCurve(job) {
  visit.forget(nameOf(job));
}

function draw() {
  const logs = points.map(([, loss]) => Math.log(Math.max(loss, 1e-9)));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const at = points.map(([share], i) => {
    const y = high > low ? (high - logs[i]) / (high - low) : 0;
    return `${(share * WIDTH).toFixed(2)},${(MARGIN + y * (HEIGHT - 2 * MARGIN)).toFixed(2)}`;
  });
  $("curve").querySelector("polyline").setAttribute("points", at.join(" "));
  const [first, last] = [at[0]?.split(",")[0], at.at(-1)?.split(",")[0]];
  const area = at.length ? `M${first},${HEIGHT} L${at.join(" L")} L${last},${HEIGHT} Z` : "";
  $("curve").querySelector(".area").setAttribute("d", area);
  const now = points.length ? number(points.at(-1)[1]) : "–";
  $("loss").textContent = now;
  const fall = points.length > 1 ? `Loss so far: from ${number(points[0][1])} to ${now}` : "Loss so far";
  $("curve").setAttribute("aria-label", fall);
}
