// "Send it smaller": pictures are scaled down in the browser to what the size needs.
import { $, show } from "./dom.js";
import { draft, onDraft } from "./draft.js";
import { isSize } from "./instant_request.js";
import { device } from "./memory.js";
import { sizeOf } from "./pictures.js";
import { MAX_PIXELS } from "./service.js";
import { bytes } from "./words.js";

const KEPT = "studio.shrink";
const JPEG = "image/jpeg";
const QUALITY = 0.95;

const made = new WeakMap(); // a File -> Map: long edge -> the promise of a File

export function isWished() {
  return $("shrink").checked;
}

function isTooLarge({ width, height }) {
  return width * height > MAX_PIXELS;
}

/**
 * A request, {request, files}, with each photograph and style picture no larger than its size needs, if that is wished or the
 * service wouldn't read it. Throws what `signal` was aborted with.
 */
export async function shrunk({ request, files }, signal) {
  const smaller = await Promise.all(files.map(async ([part, file]) => [part, await fitted(file, edgeOf(part, request))]));
  signal?.throwIfAborted();
  return { request, files: smaller };
}

/** How many bytes of how many are left by `shrunk`, in words; empty where nothing was scaled down. */
export function savedWords(before, after) {
  const sum = (files) => files.reduce((all, [, { size }]) => all + size, 0);
  return sum(after) < sum(before) ? `Scaled down to ${bytes(sum(after))} from ${bytes(sum(before))}. ` : "";
}

/** The long edge that a part needs; Infinity if it is used for anything else than the photograph and style pictures. */
function edgeOf(part, { content, styles = [], size, ...others }) {
  const name = `file:${part}`;
  const masks = styles.map(({ mask, style_mask: own }) => [mask, own]);
  if (typeof size !== "number" || JSON.stringify([others, masks]).includes(JSON.stringify(name))) return Infinity;
  const scales = styles.filter(({ image }) => image === name).map(({ scale = 1 }) => scale);
  return Math.max(content === name ? size : 0, ...scales.map((scale) => Math.round(scale * size))) || Infinity;
}

async function fitted(file, needed) {
  const size = file && (await sizeOf(file));
  const edge = size && isTooLarge(size) ? Math.min(needed, largestEdge(size)) : needed;
  if (!size || edge === Infinity || !(isWished() || isTooLarge(size))) return file;
  if (!made.has(file)) made.set(file, new Map());
  const known = made.get(file);
  if (!known.has(edge)) known.set(edge, scaled(file, edge).catch(() => file)); // what this browser can't scale goes as it is
  return known.get(edge);
}

/** The long edge of the largest picture of this shape that the service reads. */
function largestEdge({ width, height }) {
  return Math.floor(Math.sqrt((MAX_PIXELS * Math.max(width, height)) / Math.min(width, height)));
}

/** A smaller copy: upright, in sRGB, with its transparency; the file itself where that is no larger and can be read. */
async function scaled(file, edge) {
  const whole = await createImageBitmap(file);
  const scale = edge / Math.max(whole.width, whole.height);
  if (scale >= 1) return file;
  const [width, height] = [whole.width, whole.height].map((side) => Math.max(1, Math.round(side * scale)));
  const small = await createImageBitmap(whole, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d", { colorSpace: "srgb" }).drawImage(small, 0, 0);
  const must = isTooLarge(whole);
  for (const bitmap of [whole, small]) bitmap.close();
  const type = file.type === JPEG ? JPEG : "image/png";
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY));
  return blob && (must || blob.size < file.size) ? new File([blob], file.name, { type }) : file;
}

function draw() {
  const { content, settings } = draft;
  const edge = isSize(settings.size) ? Number(settings.size) : Infinity;
  const scale = content ? edge / Math.max(content.width, content.height) : 1;
  const must = content !== null && isTooLarge(content);
  $("shrink").disabled = must;
  $("shrink").checked = must || device.get(KEPT) === "yes";
  show($("shrink-box"), scale < 1);
  if (scale >= 1) return;
  const [width, height] = [content.width, content.height].map((side) => Math.round(side * scale));
  const whole = `${content.width} × ${content.height}, ${bytes(content.file.size)}`;
  const fits = `${width} × ${height}, which is what ${edge} px need, instead of ${whole}`;
  $("shrink-words").textContent = must ? `It is sent smaller, as the service reads ${MAX_PIXELS / 1e6} megapixels at most: ${fits}` : `Send it smaller: ${fits}`;
}

export function setUpShrinking() {
  $("shrink").addEventListener("change", () => (isWished() ? device.set(KEPT, "yes") : device.forget(KEPT)));
  onDraft((what) => (what === "content" || what === "settings") && draw());
  draw();
}
