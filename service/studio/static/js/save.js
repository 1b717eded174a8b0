// Files that the person takes away.
import { h } from "./dom.js";
import { fetchPicture } from "./pictures.js";
import { MOST, zip } from "./zip.js";

const KEPT_MS = 60_000; // until a saved file's memory is given back: some browsers begin to read it late

export function saveBlob(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}

/** Saves a picture of the API under the name that it has there. */
export async function savePicture(path) {
  const file = await fetchPicture(path);
  saveBlob(file, file.name);
}

/** Saves pictures of the API as one ZIP, or as several where one would be too large; `tell` hears how many are there. */
export async function savePictures(paths, name, tell, most = MOST) {
  let files = [];
  let size = 0;
  let saved = 0; // ZIPs
  const saveZip = async (isAll) => {
    saved += 1;
    saveBlob(await zip(files), isAll && saved === 1 ? `${name}.zip` : `${name}-${saved}.zip`);
    [files, size] = [[], 0];
  };
  for (const [i, path] of paths.entries()) {
    tell?.(i, paths.length);
    const file = await fetchPicture(path);
    if (files.length === most.files || (files.length && size + file.size > most.bytes)) await saveZip(false);
    files.push({ name: file.name, blob: file });
    size += file.size;
  }
  await saveZip(true);
}
