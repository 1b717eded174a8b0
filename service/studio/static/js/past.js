// The pictures of a past transfer, and whether its presets are unchanged.
import { getJson } from "./api.js";
import { patiently } from "./patience.js";
import { fetchFile } from "./pictures.js";
import { fillShelf, knownPresets } from "./shelf.js";

/** The files of a transfer's request, by their place in it, as in styles.0.mask. Each file is fetched once. */
export class Past {
  static async of(id) {
    const { items } = await patiently(() => getJson(`v1/transfers/${id}/files`));
    await fillShelf(); // presets may have been replaced since
    return new Past(items);
  }

  constructor(items) {
    this.items = items;
    this.files = new Map(); // link -> the promise of a File
  }

  /** The pictures that the preset of an entry of styles had at that time: [{sha256, weight, scale, link}]. */
  images(entry) {
    return this.items.filter(({ loc }) => loc.startsWith(`${entry}.images.`));
  }

  /** The File at a place of the request. */
  file(loc, name) {
    return this.fileOf(this.items.find((item) => item.loc === loc), name);
  }

  fileOf({ link, name: kept }, name) {
    if (!this.files.has(link)) this.files.set(link, fetchFile(link, name, kept));
    return this.files.get(link);
  }

  /** Whether a preset still exists with the pictures, weights and scales that it had. */
  isUnchanged(preset, entry) {
    const now = knownPresets().find(({ name }) => name === preset);
    const said = (images) => JSON.stringify(images.map(({ sha256, weight, scale }) => [sha256, weight, scale]));
    return now !== undefined && said(now.images) === said(this.images(entry));
  }
}
