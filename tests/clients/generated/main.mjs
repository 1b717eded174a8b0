// node main.mjs MODULE URL PHOTO PAINTING OUTPUT: paints by the compiled client.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [module, url, photo, painting, output] = process.argv.slice(2);
const { paint } = createRequire(import.meta.url)(module);
const [content, art] = await Promise.all([photo, painting].map((name) => readFile(name, "base64")));
await writeFile(output, Buffer.from(await (await paint(url, content, art)).arrayBuffer()));
