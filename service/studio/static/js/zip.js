// Several files as one ZIP. Pictures are compressed already, so they are stored as they are.
import { crc32 } from "./crc.js";

const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50];
const [VERSION, UTF8] = [20, 0x0800];
const [YEARS, FIRST_YEAR] = [9, 1980]; // of a DOS date: the bits below the year, the year that is 0

/** Bounds of one ZIP, far below those of the format: 65,535 files, 4 GiB. */
export const MOST = { files: 1000, bytes: 500_000_000 };

/** A Blob of the files, [{name, blob}, …], within MOST; names that come twice get a number. */
export async function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob } of unique(files)) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const named = new TextEncoder().encode(name);
    const facts = [VERSION, UTF8, 0, ...now(), crc32(bytes), bytes.length, bytes.length, named.length, 0];
    parts.push(record(LOCAL, "HHHHHIIIHH", facts), named, blob); // the browser may keep it on its disk, where the bytes would stay in memory
    directory.push(record(CENTRAL, "HHHHHHIIIHHHHHII", [VERSION, ...facts, 0, 0, 0, 0, offset]), named);
    offset += 30 + named.length + bytes.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = record(END, "HHHHIIH", [0, 0, files.length, files.length, size, offset, 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** A record's bytes: its signature, then numbers of 16 bits (H) and 32 bits (I). */
function record(signature, format, numbers) {
  const view = new DataView(new ArrayBuffer(4 + [...format].reduce((sum, kind) => sum + (kind === "H" ? 2 : 4), 0)));
  view.setUint32(0, signature, true);
  let at = 4;
  numbers.forEach((number, i) => {
    if (format[i] === "H") view.setUint16(at, number, true);
    else view.setUint32(at, number, true);
    at += format[i] === "H" ? 2 : 4;
  });
  return new Uint8Array(view.buffer);
}

/** The time and the date as DOS had them. */
function now() {
  const date = new Date();
  const time = (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
  return [time, ((date.getFullYear() - FIRST_YEAR) << YEARS) | ((date.getMonth() + 1) << 5) | date.getDate()];
}

/** The same files, each under a name of its own. */
export function unique(files) {
  const taken = new Set();
  return files.map(({ name, blob }) => {
    const dot = name.lastIndexOf(".") > 0 ? name.lastIndexOf(".") : name.length;
    let free = name;
    for (let n = 2; taken.has(free); n++) free = `${name.slice(0, dot)}-${n}${name.slice(dot)}`;
    taken.add(free);
    return { name: free, blob };
  });
}
