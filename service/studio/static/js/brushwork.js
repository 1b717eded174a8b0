// The dialog in which a mask is painted over the photograph.
import { setUpZoom, zoom } from "./desk_zoom.js";
import { $, ask, say, show } from "./dom.js";
import { draft } from "./draft.js";
import { greyPng } from "./grey_png.js";
import { Mask, maskSize } from "./mask.js";
import { Paper } from "./paper.js";
import { showBlob, showNothing } from "./pictures.js";
import { tintsFor } from "./tint.js";

const REST_MS = 300; // without a stroke, until what was painted is kept

let paper = null; // while the dialog is open
let tints = []; // the first one is the paper's
let busy = false; // from the first click on
let resting; // timer

/** The brush as its controls have it. */
function brush() {
  const value = (id) => Number($(id).value);
  return { size: value("brush-size"), soft: value("brush-soft") / 100, amount: value("brush-amount") / 100, erase: $("brush-erase").checked };
}

/**
 * Lets the person paint a mask. about: {title, hint, tint: which of the photograph's, file: the mask so far, whole: whether
 * a new one begins white, name: of the file, keep: called with the mask as it is whenever the hand rests}. Resolves with the mask's File, null for a mask that would change nothing,
 * undefined where they throw away what they painted, or painted nothing.
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

async function painted({ title, hint, tint, file, whole = false, name, keep }) {
  const neutral = whole ? 255 : 0;
  const mask = new Mask(maskSize(draft.content), neutral);
  if (file) await mask.read(file);
  const all = await tintsFor(draft.content.file);
  tints = all.map((_, i) => all[(tint + i) % all.length]);
  [$("brush-title").textContent, $("brush-hint").textContent] = [title, hint];
  $(whole && !file ? "brush-erase" : "brush-paint").checked = true;
  for (const [property, value] of [["--w", mask.width], ["--h", mask.height]]) $("paper").style.setProperty(property, value);
  zoom.whole();
  showBlob($("paper-picture"), draft.content.file).catch(() => {}); // a photograph that the browser can't show has a blank paper
  const toFile = () => (mask.isAll(neutral) ? null : greyPng(mask.values, mask.width, mask.height, name));
  paper = new Paper($("paper-mask"), { mask, tint: tints[0], brush, zoom, onStroke: () => changed(toFile, keep) });
  markSteps();
  doubt(false);
  const answer = await ask($("brush-dialog"));
  const isKept = answer === "use" || (answer !== "discard" && hasStrokes()); // a window that is closed by force throws nothing away
  clearTimeout(resting);
  paper.leave();
  paper = null;
  showNothing($("paper-picture"));
  if (!isKept) return undefined;
  return toFile();
}

/** Has the mask kept as soon as the hand rests: the browser may close the page. */
function changed(toFile, keep) {
  markSteps();
  clearTimeout(resting);
  const painting = paper;
  resting = setTimeout(async () => {
    const file = await toFile();
    if (paper === painting) keep(file);
  }, REST_MS);
}

function hasStrokes() {
  return paper.mask.past.length > 0;
}

function markSteps() {
  $("brush-undo").disabled = !hasStrokes();
  $("brush-redo").disabled = !paper.mask.future.length;
  for (const id of ["brush-size", "brush-soft", "brush-amount"]) $(`${id}-shown`).textContent = $(id).value + (id === "brush-size" ? " px" : " %");
}

/** Asks, or no longer, whether what was painted is to be thrown away. */
function doubt(is) {
  show($("brush-foot"), !is);
  show($("brush-sure"), is);
}

/** Closes the dialog where nothing would be lost; else asks first, and goes on where that was asked already. */
function leave() {
  if (!hasStrokes()) return $("brush-dialog").close("discard");
  const asks = $("brush-sure").hidden;
  doubt(asks);
  $(asks ? "brush-go-on" : "paper-mask").focus();
}

function act(words, change) {
  return () => {
    paper.endStroke();
    change(paper.mask);
    paper.draw();
    paper.onStroke();
    say(words);
    if (document.activeElement.disabled) $("paper-mask").focus();
  };
}

function changeTint() {
  tints.push(tints.shift());
  paper.dye(tints[0]);
}

const ACTS = {
  "brush-undo": act("Undone.", (mask) => mask.undo()),
  "brush-redo": act("Done again.", (mask) => mask.redo()),
  "brush-clear": act("Cleared.", (mask) => mask.fill(0)),
  "brush-all": act("All is painted.", (mask) => mask.fill(255)),
  "brush-invert": act("Turned round.", (mask) => mask.invert()),
  "brush-tint": changeTint,
  "brush-use": () => $("brush-dialog").close("use"),
  "brush-keep": () => $("brush-dialog").close("use"),
  "brush-discard": () => $("brush-dialog").close("discard"),
  "brush-go-on": leave,
  "brush-cancel": leave,
  "brush-close": leave,
};
const KEYS = { "+": zoom.in, "=": zoom.in, "-": zoom.out, 0: zoom.whole };

function pressed(event) {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (key === "escape") {
    event.preventDefault(); // a second one would close the dialog whatever the page says
    leave();
  }
  const id = { z: event.shiftKey ? "brush-redo" : "brush-undo", y: "brush-redo" }[command ? key : ""];
  if (id) {
    event.preventDefault();
    if (!$(id).disabled) $(id).click();
  }
  if (command || event.altKey) return;
  KEYS[key]?.();
  if (key === "e") $($("brush-erase").checked ? "brush-paint" : "brush-erase").checked = true;
  if (key === "[" || key === "]") {
    $("brush-size").value = Number($("brush-size").value) * (key === "]" ? 1.2 : 1 / 1.2);
    markSteps();
  }
}

export function setUpBrush() {
  setUpZoom();
  for (const [id, press] of Object.entries(ACTS)) $(id).addEventListener("click", press);
  $("brush-dialog").addEventListener("keydown", pressed);
  $("brush-dialog").addEventListener("cancel", (event) => {
    event.preventDefault(); // a phone's gesture for "back"
    leave();
  });
  $("brush-dialog").addEventListener("input", markSteps);
  $("brush-form").addEventListener("submit", (event) => event.preventDefault());
}
