// Making and finding elements. Everything from outside becomes text, never markup.
const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

/** An element: `on…` properties are listeners, `data` its dataset, all others attributes (left out where false). */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

/** An icon of the page's own sprite. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Shows or hides. */
export function show(element, visible) {
  element.hidden = !visible;
}

/** Announces words to screen readers. */
export function say(words) {
  $("said").textContent = words;
}

/** Opens a dialog; resolves with its return value when it is closed. */
export function ask(dialog) {
  dialog.returnValue = "";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
    dialog.showModal();
  });
}

/** A signal that is aborted when an open dialog is closed. */
export function untilClosed(dialog) {
  const abort = new AbortController();
  dialog.addEventListener("close", () => abort.abort(), { once: true });
  return abort.signal;
}

for (const button of document.querySelectorAll("dialog [data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
