// The extras: fields that the draft has from a past transfer and that have no control, in words, each with a button to remove it.
import { $, h, icon, show } from "./dom.js";
import { draft, onDraft, removeExtra } from "./draft.js";
import { PLACES } from "./where.js";

function draw() {
  const rest = draft.extras.filter(({ name }) => !(name in PLACES));
  $("extras").replaceChildren(...rest.map(row));
  show($("extras-box"), rest.length > 0);
}

function row(extra) {
  const remove = () => {
    removeExtra(extra);
    ($("extras").querySelector("button") ?? $("paint")).focus();
  };
  const label = extra.name ? `Take out: ${extra.words}` : "I have seen what is not carried over";
  return h(
    "li",
    { class: extra.name ? "field" : "field lost-extra", data: extra.name ? { loc: extra.name } : {} },
    h("span", {}, extra.words),
    h("button", { type: "button", class: "icon", "aria-label": label, onclick: remove }, icon("x")),
    h("p", { class: "problem", hidden: true }),
  );
}

onDraft((what) => what === "extras" && draw());
