// The presets that were replaced or deleted in this tab lately: the service keeps their former states for a while.
import { call, GONE } from "./api.js";
import { $, h, icon, say, show } from "./dom.js";
import { presetNamed } from "./known.js";
import { visit } from "./memory.js";
import { patiently } from "./patience.js";
import { fillShelf } from "./shelf.js";
import { hideUndo, offerUndo } from "./undo.js";

const KEPT = "studio.lately";
const MOST = 5;

let ended = visit.parsed(KEPT) ?? []; // [{words, name, version, after}], newest first; after a reload without `after`

function remember(some) {
  ended = some.slice(0, MOST);
  visit.set(KEPT, JSON.stringify(ended));
  draw();
}

/** Makes a former state of a preset the current one, and that one a former state. */
export async function restore(name, version) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ version }) };
  try {
    await patiently(() => call(`v1/styles/${name}/restore`, options));
  } catch (error) {
    if (error.status !== GONE) throw error;
    await fillShelf();
    const isBack = presetNamed(name)?.version === version; // by an earlier try, whose answer was lost
    if (!isBack) throw new Error("The service doesn’t keep that state any more.");
  }
  await fillShelf();
}

/** Says that a preset's state, {name, version}, was deleted or replaced, and offers it back; `after` is called once it is there. */
export function offerBack(words, { name, version }, after = () => {}) {
  const state = { words, name, version, after };
  remember([state, ...ended]);
  offerUndo(words, () => bringBack(state));
}

async function bringBack(state) {
  await restore(state.name, state.version);
  remember(ended.filter((one) => one !== state));
  state.after?.();
  say(`${state.name} is as it was before.`);
}

function draw() {
  $("lately-list").replaceChildren(...ended.map(row));
  show($("lately"), ended.length > 0);
}

function row(state) {
  const words = h("p", { role: "status" }, state.words);
  const self = h("button", { type: "button", class: "small", "aria-label": `Undo: ${state.words}`, onclick: press }, icon("undo"), "Undo");
  async function press() {
    self.disabled = true;
    try {
      await bringBack(state);
      hideUndo(); // which may offer this
    } catch (error) {
      words.textContent = error.message;
    }
  }
  return h("li", {}, words, self);
}

draw();
