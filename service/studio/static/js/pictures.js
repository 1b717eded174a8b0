// Pictures of the API, fetched with the key like everything else, and shown from memory.
import { call } from "./api.js";
import { startOf } from "./kinds.js";
import { patiently } from "./patience.js";
import { PICTURE_STARTS } from "./service.js";

const shown = new Map(); // element -> {url, wanted}: its newest picture; not wanted once a later call has replaced it

export async function fetchPicture(path, signal) {
  return (await patiently(() => call(path, { signal }), signal)).blob();
}

/** A File of a picture of the API, as if the person had chosen it; `kept` is the name that it came with, if it had one. */
export async function fetchFile(path, name, kept) {
  const blob = await fetchPicture(path);
  const ending = blob.type.split("/")[1].replace("jpeg", "jpg");
  return new File([blob], kept || `${name}.${ending}`, { type: blob.type });
}

/** Shows a Blob in an <img> once it is decoded. A later call replaces it and frees its memory. */
export async function showBlob(image, blob, signal) {
  const url = URL.createObjectURL(blob);
  const before = shown.get(image);
  const entry = { url, wanted: true };
  if (before) before.wanted = false;
  shown.set(image, entry);
  try {
    const probe = new Image();
    probe.src = url;
    await probe.decode();
    signal?.throwIfAborted();
    if (entry.wanted) image.src = url;
  } finally {
    if (before) URL.revokeObjectURL(before.url);
  }
}

/** Shows a picture of the API in an <img>. */
export async function showPicture(image, path, signal) {
  const blob = await fetchPicture(path, signal);
  signal?.throwIfAborted();
  await showBlob(image, blob, signal);
}

export function showNothing(image) {
  const before = shown.get(image);
  if (before) {
    before.wanted = false;
    URL.revokeObjectURL(before.url);
    shown.delete(image);
  }
  image.removeAttribute("src");
}

/** Whether a file begins like one of the formats that the service reads, whatever its name is. */
export async function isTaken(file) {
  const start = await startOf(file);
  return PICTURE_STARTS.some(([known]) => start.startsWith(known));
}

/** The size of a picture's file, {width, height}; null if the browser can't read it. */
export async function sizeOf(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const size = { width: bitmap.width, height: bitmap.height };
    bitmap.close();
    return size;
  } catch {
    return null;
  }
}
