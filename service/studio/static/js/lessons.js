// The painters' part of "Style": offers to teach the chosen presets one, and shows every preset that learns.
import { $, say, show } from "./dom.js";
import { draft, onDraft } from "./draft.js";
import { Lesson } from "./lesson.js";
import { canPaint, isEndKnown, learns, onPainters, painterOf } from "./painters.js";
import { isOthers } from "./sharing.js";
import { knownPresets } from "./shelf.js";
import { followAll, MINUTES } from "./teaching.js";

const rows = new Map(); // a preset's name -> its row
const learning = new Set(); // names of presets that learned when they were last seen

/** The presets that this tenant may teach: others' learnings can't be followed either. */
function teachable() {
  return knownPresets().filter((preset) => !isOthers(preset));
}

/** The presets with something to say of their painters: those that learn, and the chosen ones that have none. */
function presetsToShow() {
  const chosen = new Set(draft.mix.map(({ preset }) => preset));
  const names = teachable().map(({ name }) => name);
  return names.filter((name) => learns(name) || (chosen.has(name) && !canPaint(name)));
}

function draw() {
  const names = presetsToShow();
  for (const [name, row] of rows) {
    if (names.includes(name)) continue;
    row.leave();
    rows.delete(name);
  }
  names.forEach((name, i) => {
    if (!rows.has(name)) rows.set(name, new Lesson(name));
    const row = rows.get(name);
    if ($("lessons").children[i] !== row.element) $("lessons").insertBefore(row.element, $("lessons").children[i] ?? null);
    row.update();
  });
  show($("lessons-box"), names.length > 0);
  show($("lessons-hint"), !names.every(learns));
  announce();
  const hasEnded = (name) => learning.has(name) || (names.includes(name) && painterOf(name).status === "failed");
  const isToFollow = ({ name }) => learns(name) || (hasEnded(name) && !isEndKnown(name));
  followAll(teachable().filter(isToFollow).map(({ name }) => name));
}

function announce() {
  for (const { name } of knownPresets()) {
    if (learns(name)) learning.add(name);
    else if (isEndKnown(name) && learning.delete(name) && canPaint(name)) say(endInWords(name));
  }
}

function endInWords(name) {
  const { error } = painterOf(name);
  return error ? `${name} could not learn anew, and keeps its painter.` : `${name} has learned: it paints at once now.`;
}

export function setUpLessons() {
  const cost = `Learning takes about ${MINUTES} minutes on this machine; others’ pictures go first.`;
  $("lessons-hint").textContent = `A preset that has learned paints at once. ${cost}`;
  onPainters(draw);
  onDraft((what) => what === "mix" && draw());
}
