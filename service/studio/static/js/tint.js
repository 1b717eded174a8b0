// The colours in which masks lie over a photograph: those that stand out from it go first.
const COLOURS = [[30, 130, 235], [235, 70, 30], [150, 70, 225], [20, 170, 90], [250, 200, 20]];
const EDGE = 16; // pixels of the small copy that is looked at
const BLENDS_IN = 130; // of 442: how far a colour is at most from places in which it can't be seen
const ENOUGH = 0.25; // of the places: a colour that blends in with more of them goes last

const known = new WeakMap(); // a File -> the promise of its colours

/** All colours of masks, [[red, green, blue], …], in the order in which a photograph's masks take them. */
export function tintsFor(file) {
  if (!known.has(file)) known.set(file, ordered(file).catch(() => COLOURS)); // a photograph that the browser can't show
  return known.get(file);
}

async function ordered(file) {
  const bitmap = await createImageBitmap(file, { resizeWidth: EDGE, resizeHeight: EDGE });
  const context = new OffscreenCanvas(EDGE, EDGE).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, EDGE, EDGE);
  const isSeen = (colour) => hidden(colour, data) <= ENOUGH;
  return [...COLOURS.filter(isSeen), ...COLOURS.filter((colour) => !isSeen(colour))];
}

/** The share of the places that are near a colour. */
function hidden([red, green, blue], data) {
  let near = 0;
  for (let i = 0; i < data.length; i += 4) near += Math.hypot(data[i] - red, data[i + 1] - green, data[i + 2] - blue) < BLENDS_IN;
  return near / (EDGE * EDGE);
}
