// The keyboard's place: where the control that had it goes away, the stage gets it, and nobody is sent back to the page's top.
import { $ } from "./dom.js";

let last = null; // what had the focus

export function focusStage() {
  $("stage").focus({ preventScroll: true });
}

/** Gives the focus to the stage if what had it isn't seen any more. */
export function keepFocus() {
  requestAnimationFrame(() => {
    const held = document.activeElement !== document.body && document.activeElement?.checkVisibility();
    if (!held && last && !last.checkVisibility()) focusStage();
  });
}

/** Gives the focus to the first control with a problem, of radio buttons to the chosen one. Returns whether there is one. */
export function focusProblem() {
  const wrong = [...document.querySelectorAll("[aria-invalid]")].filter((one) => one.checkVisibility());
  const control = wrong.find(({ type, checked }) => type !== "radio" || checked);
  control?.focus();
  return Boolean(control);
}

document.addEventListener("focusin", ({ target }) => (last = target));
