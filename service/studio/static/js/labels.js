// Fields of the API as people call them, for errors.
import { optionName } from "./words.js";

const NAMES = {
  content: "the photograph",
  image: "its picture",
  preset: "its preset",
  mask: "its mask over the photograph",
  style_mask: "its mask over its picture",
  weight: "its share",
  scale: "the scale of its strokes",
  protect: "the mask of what stays",
  strength_map: "the mask of the strength",
  color: "the colour",
  init: "the first image",
  format: "the file’s format",
  tv_weight: "the smoothness",
  blend: "the blend",
  deadline_s: "deadline",
};
const LISTS = { styles: "style", variants: "picture", images: "picture" };
const PLACE = /\b(?:styles|variants|images)\.\d+(?:\.\w+)*/g;
const FIELD = /\b[a-z]+(?:_[a-z]+)+\b/g;

/** A place of a request, as in styles.0.mask, in words: "style 1: its mask over the photograph". */
export function placeInWords(loc) {
  const words = [];
  const parts = loc.split(".");
  for (let i = 0; i < parts.length; i++) {
    const list = /^\d+$/.test(parts[i + 1]) && LISTS[parts[i]];
    if (list) words.push(`${list} ${Number(parts[++i]) + 1}`);
    else words.push(NAMES[parts[i]] ?? `the ${optionName(parts[i])}`);
  }
  return words.join(": ");
}

/** A message of the API without its names of fields. */
export function inWords(message) {
  return message.replace(PLACE, placeInWords).replace(FIELD, (name) => NAMES[name] ?? optionName(name));
}
