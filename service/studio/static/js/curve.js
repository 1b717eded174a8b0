// The loss over the course of a transfer.
import { $ } from "./dom.js";
import { visit } from "./memory.js";
import { plot } from "./plot.js";
import { number } from "./words.js";

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
  const now = points.length ? number(points.at(-1)[1]) : "–";
  $("loss").textContent = now;
  const fall = points.length > 1 ? `Loss so far: from ${number(points[0][1])} to ${now}` : "Loss so far";
  plot($("curve"), points, fall);
}
