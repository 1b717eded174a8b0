// The pictures that a mix consists of: those of its presets are fetched from the service.
import { getJson } from "./api.js";
import { patiently } from "./patience.js";
import { fetchFile } from "./pictures.js";

/** The pictures of a mix: [{file, weight, scale}]. A preset is replaced by its pictures, so that the average stays the same. */
export async function picturesOf(mix, signal) {
  const found = await Promise.all(mix.filter(({ weight }) => weight > 0).map((style) => picturesOfStyle(style, signal)));
  return found.flat();
}

/** The pictures of one style of a mix, as above. */
export async function picturesOfStyle({ preset, file, weight, scale }, signal) {
  if (file) return [{ file, weight, scale }];
  const { images, pack } = await patiently(() => getJson(`v1/styles/${preset}`, signal), signal);
  if (pack) throw new Error(`“${preset}” came as a pack, without pictures: take it out of the mix to save the rest.`);
  const parts = partsOfEntry(images, preset, { weight, scale });
  return Promise.all(
    parts.map(async ({ image, name, ...share }, i) => ({
      file: await fetchFile(`v1/styles/${preset}/images/${i}`, name, image.name, signal),
      ...share,
    })),
  );
}

/** A preset's pictures in place of its entry of a mix: [{image, name, weight, scale}], so that the average stays the same. */
export function partsOfEntry(images, preset, { weight, scale }) {
  const all = images.reduce((sum, image) => sum + image.weight, 0);
  return images.map((image, i) => ({
    image,
    name: images.length > 1 ? `${preset}-${i + 1}` : preset,
    weight: (weight * image.weight) / all,
    scale: scale * image.scale,
  }));
}
