// The pictures of a transfer that made several: small ones, of which the chosen one is on the stage.
import { $, h, say, show } from "./dom.js";
import { showNothing, showPicture } from "./pictures.js";

export function hideStrip() {
  $("strip").querySelectorAll("img").forEach(showNothing);
  $("strip").replaceChildren();
  show($("strip"), false);
}

/** Shows small pictures with what is particular about each; `choose` is called with the number of one that is pressed. */
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

/** Fetches the small pictures one after another, as they are large. */
export async function fillStrip(paths, signal) {
  const images = [...$("strip").querySelectorAll("img")];
  for (const [i, path] of paths.entries()) {
    await showPicture(images[i], path, signal).catch(() => images[i].classList.add("absent"));
    signal.throwIfAborted();
  }
}
