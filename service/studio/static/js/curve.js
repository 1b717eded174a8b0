// The loss over the course of a transfer. Each level of the picture has losses of its own, so each is a piece of its own.
import { $ } from "./dom.js";
import { visit } from "./memory.js";
import { plotPieces } from "./pieces.js";
import { number } from "./words.js";

const MOST = 400; // points kept
const DEARER = 1.6; // how much more work an iteration is at the next level; twice to four times, unless points were missed
const RISE = 1.2; // no level's loss rises so far between two points: where it does, a new level has begun

let id = "";
let points = []; // [iteration, iterations in all, share of the work, total loss]

const nameOf = (job) => `studio.losses.${job}`;

/** Begins the curve of a transfer, with the points that this tab has seen before a reload. */
export function beginCurve(job) {
  id = job;
  points = JSON.parse(visit.get(nameOf(id)) ?? "[]");
  draw();
}

export function addToCurve({ iteration, iterations, fraction, loss }) {
  const last = points.at(-1);
  if (last && iteration <= last[0]) return;
  points.push([iteration, iterations, fraction, loss]);
  if (points.length > MOST) points = points.filter((_, i) => i % 2);
  visit.set(nameOf(id), JSON.stringify(points));
  draw();
}

export function forgetCurve(job) {
  visit.forget(nameOf(job));
}

/** The points of each level: a new one begins where an iteration's share of the work changes. */
function levels() {
  const pieces = [];
  let usual = null; // work of an iteration at this level
  for (const [i, point] of points.entries()) {
    const before = points[i - 1];
    const work = i ? (point[2] - before[2]) / (point[0] - before[0]) : null;
    const changes = usual !== null && (work > DEARER * usual || work < usual / DEARER || point[3] > RISE * before[3]);
    if (!pieces.length || (changes && pieces.at(-1).length > 1)) pieces.push([]);
    if (changes || usual === null) usual = work;
    pieces.at(-1).push(point);
  }
  return pieces;
}

function draw() {
  const last = points.at(-1);
  $("loss").textContent = last ? number(last[3]) : "–";
  $("loss-when").textContent = last ? `Loss after ${last[0]}` : "Loss";
  const places = levels().map((piece) => piece.map(([iteration, iterations, , loss]) => [iteration / (iterations || 1), loss]));
  plotPieces($("curve"), places, saidOf(places));
}

function saidOf(places) {
  const piece = places.at(-1);
  if (!piece || piece.length < 2) return "Loss so far";
  const at = places.length > 1 ? `, at level ${places.length}` : "";
  return `Loss so far${at}: from ${number(piece[0][1])} to ${number(piece.at(-1)[1])}`;
}
