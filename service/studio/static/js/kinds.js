// What a picture's file is, by its first bytes: for words about files that can't be used.
import { PICTURE_STARTS, PICTURE_TYPES } from "./service.js";

const BRANDS = { avif: "AVIF", avis: "AVIF", heic: "HEIC", heix: "HEIC", heim: "HEIC", heis: "HEIC", hevc: "HEIC", hevx: "HEIC", mif1: "HEIC", msf1: "HEIC" };
const STARTS = [
  ["ff0a", "JPEG XL"],
  ["0000000c4a584c20", "JPEG XL"],
  ["0000000c6a502020", "JPEG 2000"],
  ["38425053", "Photoshop"],
  ["25504446", "PDF"],
];
const ADVICE = { HEIC: "Save it as JPEG first: phones do that with “most compatible” as the camera’s format" };

export async function startOf(file) {
  const bytes = new Uint8Array(await file.slice(0, 32).arrayBuffer());
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The media type of a file that begins like one of the formats that the service reads, whatever its name is; else undefined. */
export async function typeOf(file) {
  const start = await startOf(file);
  const type = PICTURE_STARTS.find(([known]) => start.startsWith(known))?.[1] ?? `image/${brandOf(start)?.toLowerCase()}`;
  return PICTURE_TYPES.find((read) => read === type);
}

/** The name of a file's format, if it is one of those that people try and that this page doesn't take. */
export async function formatOf(file) {
  const start = await startOf(file);
  if (brandOf(start)) return brandOf(start);
  const text = textOf(start);
  if (/^\s*(<\?xml|<svg)/.test(text)) return "SVG";
  return STARTS.find(([known]) => start.startsWith(known))?.[1];
}

function textOf(start) {
  return start.replace(/../g, (byte) => String.fromCharCode(Number.parseInt(byte, 16)));
}

/** The format that a file's brands name; `mif1` says little, so AVIF among the others goes before it. */
function brandOf(start) {
  const text = textOf(start);
  if (text.slice(4, 8) !== "ftyp") return undefined;
  const brands = text.slice(8).match(/.{4}/gs) ?? [];
  const named = [brands[0], ...brands.slice(2)].map((brand) => BRANDS[brand]).filter(Boolean);
  return named.includes("AVIF") ? "AVIF" : named[0];
}

/** What to do with a file of a format that isn't taken. */
export function adviceFor(format, usual) {
  return ADVICE[format] ?? usual;
}
