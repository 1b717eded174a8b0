// The choice of a series, and what it would make of the draft in words.
import { $ } from "./dom.js";
import { draft, onDraft, removeExtra } from "./draft.js";
import { nameOf } from "./mixer.js";
import { clearProblemOf } from "./problems.js";
import { canWalk, seriesOf } from "./series.js";
import { listed } from "./words.js";

const SAID = {
  one: () => "",
  strengths: () => "Four pictures, from 20 to 80 % strength.",
  seeds: () => "Four pictures, each begun from other noise.",
  walk: (mix) => {
    const names = mix.filter(({ weight }) => weight > 0).map(nameOf);
    return canWalk(mix) ? `Five pictures, from ${names[0]} to ${names[1]}.` : `A walk leads between two styles; the mix has ${listed(names) || "none"}.`;
  },
};

function draw() {
  $("series-hint").textContent = SAID[seriesOf(draft)](draft.mix);
  if (canWalk(draft.mix)) clearProblemOf(document, "variants");
}

export function setUpSeries() {
  $("look").addEventListener("input", ({ target }) => {
    if (target.name !== "series") return;
    clearProblemOf(document, "variants");
    draft.extras.filter(({ name }) => name === "variants" || name === "blend").forEach(removeExtra);
  });
  onDraft(draw);
  draw();
}
