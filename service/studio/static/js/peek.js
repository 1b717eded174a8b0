// A small copy of the stage's picture beside Paint while the stage is out of sight: a dial can be moved by eye there too.
import { $, show } from "./dom.js";

const ENOUGH = 0.6; // of the stage's picture: with less of it in sight the copy is shown

let inSight = true;

function draw() {
  const source = $("after").getAttribute("src");
  if (!source) $("peek-picture").removeAttribute("src");
  else if ($("peek-picture").getAttribute("src") !== source) $("peek-picture").src = source;
  show($("peek"), Boolean(source) && !inSight);
}

export function setUpPeek() {
  new MutationObserver(draw).observe($("after"), { attributeFilter: ["src"] });
  const seen = ([{ intersectionRatio: ratio }]) => {
    inSight = ratio >= ENOUGH;
    draw();
  };
  new IntersectionObserver(seen, { threshold: ENOUGH }).observe($("canvas"));
}
