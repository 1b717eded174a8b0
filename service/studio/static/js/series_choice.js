// The choice of a series, and what it would make of the draft in words.
import { $ } from "./dom.js";
import { draft, nameOf, onDraft, removeExtra } from "./draft.js";
import { clearProblemOf } from "./problems.js";
import { isSeries, seriesOf, walkProblem } from "./series.js";

const SAID = {
  one: () => "",
  strengths: () => "Four pictures, from 20 to 80 % strength, whatever the dial says.",
  seeds: () => "Four pictures, each begun from other noise.",
  walk: (mix) => {
    const names = mix.filter(({ weight }) => weight > 0).map(nameOf);
    return walkProblem(mix) ?? `Five pictures, from ${names[0]} to ${names[1]}.`;
  },
};

function draw() {
  $("series-hint").textContent = SAID[seriesOf(draft)](draft.mix);
  if (!walkProblem(draft.mix)) clearProblemOf(document, "variants");
}

export function setUpSeries() {
  $("look").addEventListener("input", ({ target }) => {
    if (target.name !== "series") return;
    clearProblemOf(document, "variants");
    draft.extras.filter(isSeries).forEach(removeExtra);
  });
  onDraft(draw);
  draw();
}
