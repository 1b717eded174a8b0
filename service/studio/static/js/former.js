// The former states of a preset, in the dialog that edits it: what was replaced or deleted under its name can be had back.
import { getJson } from "./api.js";
import { $, h, icon, say } from "./dom.js";
import { restore } from "./lately.js";
import { patiently } from "./patience.js";
import { ago, count } from "./words.js";

const REASON = { replaced: "Replaced", deleted: "Deleted" };

let edited = null; // () => the preset
let leave = null; // (name) closes the dialog

export function closeFormer() {
  $("edit-former").open = false;
}

async function fill() {
  $("edit-former-list").replaceChildren();
  $("edit-former-words").textContent = "…";
  try {
    const preset = edited();
    const { items } = await patiently(() => getJson(`${preset.links.self}/versions`));
    if (preset !== edited()) return;
    $("edit-former-words").textContent = items.length ? "Putting one back makes the present state a former one." : "There are none: it hasn’t been replaced lately.";
    $("edit-former-list").replaceChildren(...items.map(row));
  } catch (error) {
    $("edit-former-words").textContent = error.message;
  }
}

function row(state) {
  const words = `${REASON[state.reason]} ${ago(state.ended_at)}`;
  const facts = [state.pack ? "a pack" : count(state.images, "picture", "pictures"), state.painter && "with its painter", state.description];
  const self = h("button", { type: "button", class: "small", "aria-label": `Put back: ${words}`, onclick: () => putBack(self, state) }, icon("undo"), "Put back");
  return h("li", {}, h("p", {}, h("strong", {}, words), " ", h("small", {}, facts.filter(Boolean).join(", "))), self);
}

async function putBack(self, { version }) {
  const preset = edited();
  const { name } = preset;
  self.disabled = true;
  try {
    await restore(name, version);
    if (preset === edited()) leave(name);
    say(`The former state of ${name} is back.`);
  } catch (error) {
    $("edit-former-words").textContent = error.message;
    self.disabled = false;
  }
}

/** `preset` returns the preset that is edited; `close` is called with its name when it has another state. */
export function setUpFormer(preset, close) {
  [edited, leave] = [preset, close];
  $("edit-former").addEventListener("toggle", () => $("edit-former").open && fill());
}
