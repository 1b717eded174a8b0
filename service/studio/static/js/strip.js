// The strip: small pictures of a transfer that made several. The stage shows the chosen one.
import { $, h, say, show } from "./dom.js";
import { showNothing, showPicture } from "./pictures.js";

export function hideStrip() {
  $("strip").querySelectorAll("img").forEach(showNothing);
  $("strip").replaceChildren();
  show($("strip"), false);
}

/** Shows a button with a small picture for each label; `choose` is called with the number of the pressed one. */
export function showStrip(labels, choose) {
  hideStrip();
  const buttons = labels.map((label, i) =>
    h(
      "button",
      { type: "button", title: label, onclick: () => press(i) },
      h("img", { alt: "", width: 96, height: 72 }),
      h("span", {}, label),
    ),
  );
  const mark = (chosen) => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
  const press = (i) => {
    mark(i);
    say(`Picture ${i + 1} of ${labels.length}: ${labels[i]}`);
    choose(i);
  };
  mark(0);
  $("strip").append(...buttons.map((button) => h("li", {}, button)));
  show($("strip"), true);
}

/** Fetches the strip's pictures one after another: each is a full-size file. */
export async function fillStrip(paths, signal) {
  const images = [...$("strip").querySelectorAll("img")];
  for (const [i, path] of paths.entries()) {
    await showPicture(images[i], path, signal).catch(() => images[i].classList.add("absent"));
    signal.throwIfAborted();
  }
}
