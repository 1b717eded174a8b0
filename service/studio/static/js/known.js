// The service's presets, as its API describes them.
import { stem } from "./names.js";

let presets = [];

export function knownPresets() {
  return presets;
}

export function setKnownPresets(found) {
  presets = found;
}

export function presetNamed(name) {
  return presets.find((preset) => preset.name === name);
}

/** Takes note that the transfers may be gone whose pictures show what these presets do; the service's own keep theirs. */
export function forgetPainted(names) {
  for (const { built_in: isBuiltIn, links } of names.map(presetNamed).filter(Boolean)) if (!isBuiltIn) delete links.painted;
}

/** The preset that a mix consists of; undefined where it has other styles, or none. */
export function solePreset(mix) {
  return mix.length === 1 ? presetNamed(mix[0].preset) : undefined;
}

/** The pictures of a preset as words with their shares, ["70 % harbour", …]; a preset of one picture is no mix. */
export function partsOf({ images }) {
  const all = images.reduce((sum, { weight }) => sum + weight, 0);
  const named = images.map(({ weight, name }, i) => ({ share: weight / all, words: `${Math.round((100 * weight) / all)} % ${name ? stem(name) : `picture ${i + 1}`}` }));
  return images.length > 1 ? named.filter(({ share }) => share > 0) : [];
}
