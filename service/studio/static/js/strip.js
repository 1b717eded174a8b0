// The strip: small pictures of a transfer that made several, each to be looked at or saved. The stage shows the chosen one.
import { $, h, icon, say, show } from "./dom.js";
import { showNothing, showPicture } from "./pictures.js";

export function hideStrip() {
  $("strip").querySelectorAll("img").forEach(showNothing);
  $("strip").replaceChildren();
  show($("strip"), false);
}

/**
 * Shows a small picture for each label; `choose` and `save` are called with the number of the one whose button is pressed.
 */
export function showStrip(labels, choose, save) {
  hideStrip();
  const buttons = labels.map((label, i) => chooser(label, () => press(i)));
  const mark = (chosen) => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
  const press = (i) => {
    mark(i);
    say(`Picture ${i + 1} of ${labels.length}: ${labels[i]}`);
    choose(i);
  };
  mark(0);
  $("strip").append(...buttons.map((button, i) => h("li", {}, button, saver(labels[i], () => save(i)))));
  show($("strip"), true);
}

function chooser(label, press) {
  const image = h("img", { alt: "", width: 96, height: 72 });
  return h("button", { type: "button", class: "choose", title: label, onclick: press }, image, h("span", {}, label));
}

function saver(label, press) {
  return h("button", { type: "button", class: "icon save", title: "Download", "aria-label": `Download: ${label}`, onclick: press }, icon("down"));
}

/** Fetches the strip's pictures one after another: each is a full-size file. */
export async function fillStrip(paths, signal) {
  const images = [...$("strip").querySelectorAll("img")];
  for (const [i, path] of paths.entries()) {
    await showPicture(images[i], path, signal).catch(() => images[i].classList.add("absent"));
    signal.throwIfAborted();
  }
}
