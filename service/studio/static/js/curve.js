// The loss over the course of a transfer. Each level of the picture has losses of its own, so each is a piece of its own.
import { $ } from "./dom.js";
import { visit } from "./memory.js";
import { plotPieces } from "./pieces.js";
import { number } from "./words.js";

const MOST = 400; // points kept
const DEARER = 1.6; // how much more work an iteration is at the next level; twice to four times, unless points were missed
const ROUNDED = 1e-4; // to which events round the share of the work
const RISE = 1.2; // no level's loss rises so far between two points: where it does, a new level has begun

let id = "";
let points = []; // [iteration, iterations in all, share of the work, total loss]

const nameOf = (job) => `studio.losses.${job}`;

/** Begins the curve of a transfer, with the points that this tab has seen before a reload. */
export function beginCurve(job) {
  id = job;
  points = visit.parsed(nameOf(id)) ?? [];
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

/** The points of each level: a new one begins where an iteration's share of the work changes, or where the loss rises. */
function levels() {
  const pieces = [];
  for (const [i, point] of points.entries()) {
    const piece = pieces.at(-1);
    const ends = piece?.length > 1 && (isOther(piece, points[i - 1], point) || point[3] > RISE * points[i - 1][3]);
    if (!piece || ends) pieces.push([]);
    pieces.at(-1).push(point);
  }
  return pieces;
}

/** Whether the iterations between two points are other work than those of a piece, beyond what rounded shares can say. */
function isOther(piece, before, point) {
  const usual = workOf(piece[0], piece.at(-1));
  const now = workOf(before, point);
  const unsure = ROUNDED / (point[0] - before[0]) + (DEARER * ROUNDED) / (piece.at(-1)[0] - piece[0][0]);
  return now > DEARER * usual + unsure || now < usual / DEARER - unsure;
}

function workOf([from, , before], [to, , after]) {
  return (after - before) / (to - from);
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
