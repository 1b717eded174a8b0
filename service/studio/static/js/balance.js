// The shares of a mix: in whole percents that add up to 100, whichever of them is moved.
import { shares } from "./draft.js";

/** Parts of a whole as whole percents with the sum 100: those that lose most by rounding get the percents that are left. */
function percents(parts) {
  const exact = parts.map((part) => 100 * part);
  const whole = exact.map(Math.floor);
  const byLoss = exact.map((_, i) => i).sort((a, b) => exact[b] - whole[b] - (exact[a] - whole[a]));
  const left = Math.round(exact.reduce((sum, value) => sum + value, 0)) - whole.reduce((sum, value) => sum + value, 0);
  for (const i of byLoss.slice(0, left)) whole[i] += 1;
  return whole;
}

/** The places of the styles that share one average with that of an id: those with the same mask. */
function group(mix, { mask }) {
  return mix.flatMap((style, i) => (style.mask === mask ? [i] : []));
}

/** Each style's share in its average, in percent. */
export function sharesInPercent(mix) {
  const parts = shares(mix);
  const found = new Array(mix.length).fill(0);
  for (const style of mix) {
    const places = group(mix, style);
    percents(places.map((i) => parts[i])).forEach((value, k) => (found[places[k]] = value));
  }
  return found;
}

export function isAlone(mix, style) {
  return group(mix, style).length === 1;
}

/**
 * A mix in which the style of that id has a share from 0 to 1. The others of its average keep their proportions, which
 * are those of `before`: the mix when the slider was taken up, so that a slider at its end forgets nothing.
 */
export function balanced(mix, id, share, before) {
  const moved = mix.find((style) => style.id === id);
  const others = group(mix, moved).filter((i) => mix[i] !== moved);
  const weights = others.map((i) => before.find((style) => style.id === mix[i].id)?.weight ?? 0);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const rest = weights.map((weight) => (1 - share) * (all ? weight / all : 1 / others.length));
  const whole = percents([share, ...rest]);
  const places = [mix.indexOf(moved), ...others];
  return mix.map((style, i) => (places.includes(i) ? { ...style, weight: whole[places.indexOf(i)] / 100 } : style));
}
