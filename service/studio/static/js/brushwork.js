// The dialog in which a mask is painted over the photograph.
import { $, ask, say } from "./dom.js";
import { draft } from "./draft.js";
import { greyPng } from "./grey_png.js";
import { Mask, maskSize } from "./mask.js";
import { Paper } from "./paper.js";
import { showBlob, showNothing } from "./pictures.js";

let paper = null; // while the dialog is open
let busy = false; // from the first click on

/** The brush as its controls have it. */
function brush() {
  const value = (id) => Number($(id).value);
  return { size: value("brush-size"), soft: value("brush-soft") / 100, amount: value("brush-amount") / 100, erase: $("brush-erase").checked };
}

/**
 * Lets the person paint a mask. about: {title, hint, tint, file: the mask so far, whole: whether a new one begins white,
 * name: of the file}. Resolves with the mask's File, null for a mask that would change nothing, undefined where they cancel.
 */
export async function paintMask(about) {
  if (busy) return undefined;
  busy = true;
  try {
    return await painted(about);
  } finally {
    busy = false;
  }
}

async function painted({ title, hint, tint, file, whole = false, name }) {
  const neutral = whole ? 255 : 0;
  const mask = new Mask(maskSize(draft.content), neutral);
  if (file) await mask.read(file);
  [$("brush-title").textContent, $("brush-hint").textContent] = [title, hint];
  $(whole && !file ? "brush-erase" : "brush-paint").checked = true;
  for (const [property, value] of [["--w", mask.width], ["--h", mask.height]]) $("paper").style.setProperty(property, value);
  showBlob($("paper-picture"), draft.content.file).catch(() => {}); // a photograph that the browser can't show has a blank paper
  paper = new Paper($("paper-mask"), { mask, tint, brush, onStroke: markSteps });
  markSteps();
  const answer = await ask($("brush-dialog"));
  paper.leave();
  paper = null;
  showNothing($("paper-picture"));
  if (answer !== "use") return undefined;
  return mask.isAll(neutral) ? null : greyPng(mask.values, mask.width, mask.height, name);
}

function markSteps() {
  $("brush-undo").disabled = !paper.mask.past.length;
  $("brush-redo").disabled = !paper.mask.future.length;
  for (const id of ["brush-size", "brush-soft", "brush-amount"]) $(`${id}-shown`).textContent = $(id).value + (id === "brush-size" ? " px" : " %");
}

function act(words, change) {
  return () => {
    change(paper.mask);
    paper.draw();
    markSteps();
    say(words);
    if (document.activeElement.disabled) $("paper-mask").focus();
  };
}

const ACTS = {
  "brush-undo": act("Undone.", (mask) => mask.undo()),
  "brush-redo": act("Done again.", (mask) => mask.redo()),
  "brush-clear": act("Cleared.", (mask) => mask.fill(0)),
  "brush-all": act("All is painted.", (mask) => mask.fill(255)),
  "brush-invert": act("Turned round.", (mask) => mask.invert()),
};

function pressed(event) {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  const id = { z: event.shiftKey ? "brush-redo" : "brush-undo", y: "brush-redo" }[command ? key : ""];
  if (id) {
    event.preventDefault();
    if (!$(id).disabled) $(id).click();
  }
  if (command || event.altKey) return;
  if (key === "e") $($("brush-erase").checked ? "brush-paint" : "brush-erase").checked = true;
  if (key === "[" || key === "]") {
    $("brush-size").value = Number($("brush-size").value) * (key === "]" ? 1.2 : 1 / 1.2);
    markSteps();
  }
}

export function setUpBrush() {
  for (const [id, press] of Object.entries(ACTS)) $(id).addEventListener("click", press);
  $("brush-dialog").addEventListener("keydown", pressed);
  $("brush-dialog").addEventListener("input", markSteps);
  $("brush-form").addEventListener("submit", (event) => event.preventDefault());
  $("brush-use").addEventListener("click", () => $("brush-dialog").close("use"));
}
