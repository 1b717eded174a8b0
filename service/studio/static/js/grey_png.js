// A mask as a PNG of one grey channel. A canvas would write colours and alpha, which say something else to the service.
import { crc32 } from "./crc.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const [BITS, GREY] = [8, 0];

/** A File with the values (bytes, row by row) as a grey picture. */
export async function greyPng(values, width, height, name) {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, BITS);
  header.setUint8(9, GREY);
  const parts = [chunk("IHDR", new Uint8Array(header.buffer)), chunk("IDAT", await deflated(rows(values, width, height))), chunk("IEND", new Uint8Array())];
  return new File([new Uint8Array(SIGNATURE), ...parts], name, { type: "image/png" });
}

/** The rows, each after the byte that says that it is stored without a filter. */
function rows(values, width, height) {
  const bytes = new Uint8Array(height * (width + 1));
  for (let y = 0; y < height; y++) bytes.set(values.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return bytes;
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function chunk(type, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}
