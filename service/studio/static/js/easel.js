// The frame on the stage: one picture, or a photograph and its painting with a slider between them.
import { $, show } from "./dom.js";
import { showNothing } from "./pictures.js";

const START = 50;

/** What the stage shows: "empty", "lost" (with words) or "picture". */
export function setStage(state, words = "") {
  $("canvas").dataset.state = state;
  show($("invite"), state === "empty");
  show($("easel"), state === "picture");
  show($("lost"), state === "lost");
  $("lost-words").textContent = words;
  if (state !== "picture") clearFrame();
}

export function setFrame(width, height) {
  $("frame").style.setProperty("--w", width);
  $("frame").style.setProperty("--h", height);
}

export function clearFrame() {
  showCompare(false);
  showNothing($("before"));
  showNothing($("after"));
}

export function showCompare(visible) {
  for (const id of ["before", "compare", "handle", "tag-before", "tag-after"]) show($(id), visible);
  if (visible) {
    $("compare").value = START;
    move();
  }
}

function move() {
  const at = Number($("compare").value);
  $("frame").style.setProperty("--at", `${at}%`);
  $("compare").setAttribute("aria-valuetext", `${at} % photograph, ${100 - at} % painting`);
  $("tag-before").classList.toggle("faint", at < 15);
  $("tag-after").classList.toggle("faint", at > 85);
}

$("compare").addEventListener("input", move);
