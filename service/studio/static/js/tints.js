// The draft's masks as tints over its photograph on the stage: what stays, and where each style goes.
import { $ } from "./dom.js";
import { draft, onDraft } from "./draft.js";
import { Mask } from "./mask.js";
import { tintsFor } from "./tint.js";
import { PLACES, tintOfStyle } from "./where.js";

const EDGE = 360; // pixels: finer than a tint needs
const OPACITY = 0.45;

let drawn = []; // the files of the masks that are shown

/** The masks that are shown, each with its tint: which of the photograph's colours it has. */
function masks() {
  const stays = draft.extras.filter(({ name }) => name === "protect").map(({ value }) => [value, PLACES.protect.tint]);
  return [...stays, ...draft.mix.map(({ mask }, i) => [mask, tintOfStyle(i)]).filter(([mask]) => mask)];
}

async function draw() {
  const wanted = draft.content ? masks() : [];
  const files = [draft.content?.file, ...wanted.flat()];
  if (files.length === drawn.length && files.every((file, i) => file === drawn[i])) return;
  drawn = files;
  const canvas = $("stage-masks");
  canvas.hidden = wanted.length === 0;
  if (canvas.hidden) return;
  const { file: photograph, width, height } = draft.content;
  const scale = EDGE / Math.max(width, height);
  const size = { width: Math.max(1, Math.round(scale * width)), height: Math.max(1, Math.round(scale * height)) };
  const colours = await tintsFor(photograph);
  const colour = (tint) => colours[tint % colours.length];
  const tints = await Promise.all(wanted.map(([file, tint]) => tinted(file, colour(tint), size))).catch(() => []); // a mask that the browser can’t read has none
  if (drawn !== files) return; // the draft has changed meanwhile
  [canvas.width, canvas.height] = [size.width, size.height];
  for (const tint of tints) canvas.getContext("2d").drawImage(tint, 0, 0);
}

/** A mask as a canvas of one colour. */
async function tinted(file, [red, green, blue], size) {
  const mask = new Mask(size);
  await mask.read(file);
  const canvas = new OffscreenCanvas(size.width, size.height);
  const image = new ImageData(size.width, size.height);
  mask.values.forEach((value, i) => image.data.set([red, green, blue, OPACITY * value], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

export function setUpTints() {
  onDraft((what) => what !== "settings" && draw());
}
