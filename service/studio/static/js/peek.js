// A small copy of the instant picture while the stage is out of sight, so that a dial can be moved by eye on a phone too.
import { $, show } from "./dom.js";
import { showBlob, showNothing } from "./pictures.js";

let inSight = true;
let filled = false;

/** Takes the newest instant picture; null if there is none. */
export function peekAt(blob) {
  filled = blob !== null;
  if (filled) showBlob($("peek-picture"), blob).catch(() => {}); // the stage has the same picture
  else showNothing($("peek-picture"));
  draw();
}

function draw() {
  show($("peek"), filled && !inSight);
}

new IntersectionObserver(([{ isIntersecting }]) => {
  inSight = isIntersecting;
  draw();
}).observe($("canvas"));
