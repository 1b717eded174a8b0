// A style's masks in its row of the mix: one over the photograph, painted or carried over, and one over its own picture.
import { h, icon } from "./dom.js";
import { changeStyle, draft } from "./draft.js";
import { clearProblemOf } from "./problems.js";
import { offerUndo } from "./undo.js";
import { paintStyleMask } from "./where.js";

const MASKS = { mask: "Mask over the photograph", style_mask: "Mask over its picture" };

/** Brings the buttons of a style's masks up to date. */
export function showMasks(row, style, name) {
  const words = style.mask ? "Change the mask" : "Paint where it goes";
  const kept = Object.keys(MASKS).filter((field) => style[field]);
  const now = [words, name, ...kept].join();
  if (row.dataset.shows === now) return;
  row.dataset.shows = now;
  const held = row.contains(document.activeElement);
  const paint = h("button", { type: "button", class: "small quiet draw-mask", "aria-label": `${words}: ${name}`, onclick: () => paintStyleMask(style.id, name) }, icon("brush"), words);
  row.replaceChildren(...kept.map((field) => removal(style.id, field, name)), paint);
  if (held) paint.focus();
}

/** A button that says that the style has a mask, and removes it. */
function removal(id, field, name) {
  const remove = () => {
    const at = draft.mix.findIndex((style) => style.id === id);
    const mask = draft.mix[at][field];
    clearProblemOf(document, `styles.${at}`);
    changeStyle(id, { [field]: undefined });
    offerUndo(`${name}: its mask is taken out.`, () => changeStyle(id, { [field]: mask }));
  };
  return h("button", { type: "button", class: "small mask", "aria-label": `${MASKS[field]}: take it from ${name}`, onclick: remove }, MASKS[field], icon("x"));
}
