// Files that the person takes away.
import { h } from "./dom.js";
import { fetchPicture } from "./pictures.js";
import { zip } from "./zip.js";

const KEPT_MS = 60_000; // until a saved file's memory is given back: some browsers begin to read it late

/** A name with the ending of a picture's format. */
export function withEnding(name, { type }) {
  return `${name}.${type.split("/")[1].replace("jpeg", "jpg")}`;
}

export function saveBlob(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}

/** Saves a picture of the API under a name without ending. */
export async function savePicture(path, name) {
  const blob = await fetchPicture(path);
  saveBlob(blob, withEnding(name, blob));
}

/** Saves pictures of the API, [[path, name without ending], …], as one file; `tell` hears how many are there. */
export async function savePictures(pictures, name, tell) {
  const files = [];
  for (const [path, own] of pictures) {
    tell?.(files.length, pictures.length);
    const blob = await fetchPicture(path);
    files.push({ name: withEnding(own, blob), blob });
  }
  saveBlob(await zip(files), `${name}.zip`);
}
