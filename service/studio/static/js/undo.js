// A line with "Undo" after something that can be taken back. Another one takes its place; it goes when the stage shows something else.
import { $, h, icon, say, show } from "./dom.js";
import { focusStage } from "./focus.js";

/** Says what was done, and offers to take it back: `undo` does that, and throws an Error with words where it can't. */
export function offerUndo(words, undo) {
  say(words);
  const self = h("button", { type: "button", class: "small", onclick: () => once(self, undo) }, icon("undo"), "Undo");
  const close = h("button", { type: "button", class: "icon", "aria-label": "Close this line", onclick: hideUndo }, icon("x"));
  $("undo").replaceChildren(h("p", {}, words), self, close);
  show($("undo"), true);
  stayInReach();
}

async function once(self, undo) {
  self.disabled = true;
  try {
    await undo();
    hideUndo();
  } catch (error) {
    $("undo").querySelector("p").textContent = error.message;
    say(error.message);
    self.disabled = false;
  }
}

/** Takes the line away. The focus goes on where the line had it. */
export function hideUndo() {
  const held = document.activeElement === document.body || $("undo").contains(document.activeElement);
  show($("undo"), false);
  if (!held) return;
  const close = document.querySelector("dialog[open] [data-close]");
  if (close) close.focus();
  else focusStage();
}

/** Puts the line where it can be pressed: outside of an open dialog nothing can. */
function stayInReach() {
  (document.querySelector("dialog[open]") ?? document.body).append($("undo"));
}

document.addEventListener("close", stayInReach, true);
addEventListener("hashchange", () => show($("undo"), false));
