// Files that the person takes away.
import { h } from "./dom.js";
import { fetchPicture } from "./pictures.js";
import { MOST, zip } from "./zip.js";

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

/** Saves pictures of the API, [[path, name without ending], …], as one ZIP, or as several where one would be too large; `tell` hears how many are there. */
export async function savePictures(pictures, name, tell, most = MOST) {
  let files = [];
  let size = 0;
  let saved = 0; // ZIPs
  const saveZip = async (isAll) => {
    saved += 1;
    saveBlob(await zip(files), isAll && saved === 1 ? `${name}.zip` : `${name}-${saved}.zip`);
    [files, size] = [[], 0];
  };
  for (const [i, [path, own]] of pictures.entries()) {
    tell?.(i, pictures.length);
    const blob = await fetchPicture(path);
    if (files.length === most.files || (files.length && size + blob.size > most.bytes)) await saveZip(false);
    files.push({ name: withEnding(own, blob), blob });
    size += blob.size;
  }
  await saveZip(true);
}
