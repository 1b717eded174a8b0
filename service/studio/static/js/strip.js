// The strip: small pictures of a transfer that makes several, each to be looked at or saved once it is done.
import { $, h, icon, say, show } from "./dom.js";
import { showNothing, showPicture } from "./pictures.js";

export function hideStrip() {
  $("strip").querySelectorAll("img").forEach(showNothing);
  $("strip").replaceChildren();
  show($("strip"), false);
}

/** Shows a place for each label; `choose` and `save` are called with the number of the picture whose button is pressed. */
export function showStrip(labels, choose, save) {
  hideStrip();
  $("strip").append(...labels.map((label, i) => h("li", {}, chooser(label, () => choose(i)), saver(label, () => save(i)))));
  show($("strip"), true);
  offerCells(0);
}

function chooser(label, press) {
  const image = h("img", { alt: "", width: 96, height: 72 });
  return h("button", { type: "button", class: "choose", title: label, onclick: press }, image, h("span", {}, label));
}

function saver(label, press) {
  return h("button", { type: "button", class: "icon save", title: "Download", "aria-label": `Download: ${label}`, onclick: press }, icon("down"));
}

/** Offers the first `done` pictures, and, to be watched, the one at the place `painted`. */
export function offerCells(done, painted = -1) {
  for (const [i, cell] of [...$("strip").children].entries()) {
    cell.dataset.state = i < done ? "done" : i === painted ? "painted" : "waits";
    const [choose, save] = cell.querySelectorAll("button");
    choose.disabled = i >= done && i !== painted;
    show(save, i < done);
  }
}

/** Marks the picture that the stage shows. */
export function markCell(i) {
  for (const [k, button] of [...$("strip").querySelectorAll(".choose")].entries()) button.setAttribute("aria-pressed", String(k === i));
}

export function sayCell(i) {
  const labels = [...$("strip").querySelectorAll(".choose")].map(({ title }) => title);
  say(`Picture ${i + 1} of ${labels.length}: ${labels[i]}`);
}

/** Fetches a small picture: a full-size file. */
export async function fillCell(i, path, signal) {
  const image = $("strip").querySelectorAll("img")[i];
  await showPicture(image, path, signal).catch(() => image.classList.add("absent"));
}
