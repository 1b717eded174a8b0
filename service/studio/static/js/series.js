// A series: several pictures of the draft's photograph in one transfer, as variants of the API.
import { nameOf } from "./draft.js";
import { listed } from "./words.js";

const STRENGTHS = [0.2, 0.4, 0.6, 0.8];
const SEEDS = 4;
const STEPS = 4; // of a walk: one picture more

/** Each kind of series: how many pictures it makes, and what it is called. */
export const SERIES = {
  one: { pictures: 1, words: "" },
  strengths: { pictures: STRENGTHS.length, words: "four strengths" },
  seeds: { pictures: SEEDS, words: "four seeds" },
  walk: { pictures: STEPS + 1, words: "a walk between two styles" },
};

/** Whether an extra is a series by itself: that of a past transfer. */
export function isSeries({ name }) {
  return name === "variants" || name === "blend";
}

/** The kind of the draft's series; that of a past transfer, among the extras, goes first. */
export function seriesOf({ settings, extras }) {
  return extras.some(isSeries) ? "one" : settings.series;
}

/** How many pictures the draft makes. */
export function pictureCount(draft) {
  for (const { name, value } of draft.extras) {
    if (name === "variants") return value.length;
    if (name === "blend") return value.steps + 1;
  }
  return SERIES[seriesOf(draft)].pictures;
}

/** Why a mix has no two styles that a walk can lead between, as a sentence; null where it has. */
export function walkProblem(mix) {
  const used = mix.filter(({ weight }) => weight > 0);
  if (used.length !== 2) return `A walk leads between two styles; the mix has ${listed(used.map(nameOf)) || "none"}.`;
  const isApart = used[0].mask !== used[1].mask; // each at its own place, no share of one grows while the other's falls
  return isApart ? "A walk leads between two styles at the same place: take their masks out." : null;
}

/** The fields of the request that make the series; `styles` are those of the request. */
export function seriesFields(draft, styles) {
  const kind = seriesOf(draft);
  if (kind === "strengths") return { variants: STRENGTHS.map((strength) => ({ strength })) };
  if (kind === "seeds") return { variants: seedsFrom(Number(draft.settings.seed) || 0) };
  if (kind === "walk" && !walkProblem(draft.mix)) return { variants: walk(styles.filter(({ weight }) => weight !== 0)) };
  return {};
}

function seedsFrom(first) {
  return Array.from({ length: SEEDS }, (_, i) => ({ init: "random", seed: first + i }));
}

/** From one style to the other in even steps; the ends have one style each. */
function walk([from, to]) {
  return Array.from({ length: STEPS + 1 }, (_, k) => {
    const share = k / STEPS;
    const styles = [[from, 1 - share], [to, share]].filter(([, weight]) => weight > 0);
    return { styles: styles.map(([style, weight]) => ({ ...style, weight })) };
  });
}
