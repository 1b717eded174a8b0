// A line with "Undo", after a preset was deleted or replaced: the service keeps its former state for a while.
import { call } from "./api.js";
import { $, h, icon, say, show } from "./dom.js";
import { presetNamed } from "./known.js";
import { patiently } from "./patience.js";
import { fillShelf } from "./shelf.js";

const GONE = 404;

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

/** Says that the preset `before` was deleted or replaced, and offers it back; `after` is called once it is there. */
export function offerUndo(words, { name, version }, after = () => {}) {
  say(words);
  const undo = async () => {
    await restore(name, version);
    hide();
    after();
    say(`${name} is as it was before.`);
  };
  const self = h("button", { type: "button", class: "small", onclick: () => once(self, undo) }, icon("undo"), "Undo");
  const close = h("button", { type: "button", class: "icon", "aria-label": "Close this line", onclick: hide }, icon("x"));
  $("undo").replaceChildren(h("p", {}, words), self, close);
  show($("undo"), true);
  stayInReach();
}

async function once(self, action) {
  self.disabled = true;
  try {
    await action();
  } catch (error) {
    $("undo").querySelector("p").textContent = error.message;
    say(error.message);
    self.disabled = false;
  }
}

function hide() {
  show($("undo"), false);
  (document.querySelector("dialog[open] [data-close]") ?? $("manage-presets")).focus();
}

/** Puts the line where it can be pressed: outside of an open dialog nothing can. */
function stayInReach() {
  (document.querySelector("dialog[open]") ?? document.body).append($("undo"));
}

document.addEventListener("close", stayInReach, true);
