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

const RAW = [
  [/^Input should be a valid (?:integer|number).*/, "must be a number"],
  [/^Input should be greater than or equal to /, "must be at least "],
  [/^Input should be less than or equal to /, "must be at most "],
  [/^Input should be /, "must be "],
]; // of the library that checks the API's requests

/** A message of the API without its names of fields and its library's words. */
export function inWords(message) {
  const plain = RAW.reduce((words, [raw, better]) => words.replace(raw, better), message);
  return plain.replace(PLACE, placeInWords).replace(FIELD, (name) => NAMES[name] ?? optionName(name));
}
