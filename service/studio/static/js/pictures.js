// Pictures of the API, fetched with the key like everything else, and shown from memory.
import { call } from "./api.js";
import { nameIn } from "./names.js";
import { patiently } from "./patience.js";

const newest = new WeakMap(); // element -> what stands for the last call that shows a picture in it
const sizes = new WeakMap(); // a File -> the promise of its size
const shown = new WeakMap(); // element -> the address of the picture in it, whose memory has to be freed

/** A picture of the API, as a File under the name that the service gives it; without a name where it gives none. */
export async function fetchPicture(path, signal) {
  const response = await patiently(() => call(path, { signal }), signal);
  const blob = await response.blob();
  return new File([blob], nameIn(response.headers.get("Content-Disposition") ?? ""), { type: blob.type });
}

/** A File of a picture of the API, as if the person had chosen it; `kept` is the name that it came with, if it had one. */
export async function fetchFile(path, name, kept, signal) {
  const file = await fetchPicture(path, signal);
  const ending = file.type.split("/")[1].replace("jpeg", "jpg");
  return new File([file], kept || `${name}.${ending}`, { type: file.type });
}

/** Shows a Blob in an <img> once it is decoded, or nothing where it can't be. A later call replaces it and frees its memory. */
export function showBlob(image, blob, signal) {
  return put(image, claimed(image), blob, signal);
}

/** Shows a picture of the API in an <img>, unless a later call wants another one or none there. */
export async function showPicture(image, path, signal) {
  const turn = claimed(image);
  const blob = await fetchPicture(path, signal);
  signal?.throwIfAborted();
  await put(image, turn, blob, signal);
}

export function showNothing(image) {
  newest.delete(image);
  free(image);
  image.removeAttribute("src");
}

function claimed(image) {
  const turn = {};
  newest.set(image, turn);
  return turn;
}

async function put(image, turn, blob, signal) {
  const isWanted = () => newest.get(image) === turn;
  if (!isWanted()) return;
  const url = URL.createObjectURL(blob);
  try {
    await loaded(url).catch((error) => {
      if (isWanted()) showNothing(image);
      throw error;
    });
    signal?.throwIfAborted();
    if (!isWanted()) return;
    free(image);
    shown.set(image, url);
    image.src = url;
  } finally {
    if (shown.get(image) !== url) URL.revokeObjectURL(url);
  }
}

function free(image) {
  if (shown.has(image)) URL.revokeObjectURL(shown.get(image));
  shown.delete(image);
}

/** Loads the picture at an address, decoded, or as far as a damaged one can be. Throws where nothing of it can be seen. */
async function loaded(url) {
  const image = new Image();
  image.src = url;
  await image.decode().catch((error) => {
    if (!image.naturalWidth) throw error;
  });
  return image;
}

/** The size of a picture's file, {width, height}; null if the browser can't read it. */
export function sizeOf(file) {
  if (!sizes.has(file)) sizes.set(file, measured(file).catch(() => null));
  return sizes.get(file);
}

async function measured(file) {
  const picture = await createImageBitmap(file).catch(() => seen(file)); // which refuses damage that an <img> shows
  const { width, height } = picture;
  picture.close?.();
  return { width, height };
}

async function seen(file) {
  const url = URL.createObjectURL(file);
  try {
    return await loaded(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}
