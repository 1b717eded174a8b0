// The draft's request as code that runs: pure functions from {origin, root, withKey, request, files} to text.
const OUTPUT = "painting";

function nameOf(file) {
  return file?.name ?? "photo.jpg";
}

/** A text as one word of sh, whatever is in it. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A text as a string literal, valid in both Python and JavaScript. */
function literal(text) {
  return JSON.stringify(text);
}

/** The pictures that a request makes: [[what follows the path of the image, name of the file], …]. */
function pictures({ format = "png", variants, blend }) {
  const formats = variants?.map((own) => own.format ?? format) ?? new Array(blend ? blend.steps + 1 : 0).fill(format);
  const ending = (one) => one.replace("jpeg", "jpg");
  if (!formats.length) return [["", `${OUTPUT}.${ending(format)}`]];
  return formats.map((one, i) => [`?variant=${i}`, `${OUTPUT}-${i + 1}.${ending(one)}`]);
}

export function curl({ origin, root, withKey, request, files }) {
  const key = withKey ? ` -H ${quoted("X-API-Key: YOUR-KEY")}` : "";
  const parts = files.map(([part, file]) => {
    const name = nameOf(file).replace(/["\\]/g, "\\$&");
    return `  -F ${quoted(`${part}=@"${name}"`)}`;
  });
  const images = pictures(request).map(([query, name]) => `  curl -sSf${key} "${origin}$job/image${query}" -o ${name}`);
  return `# submit, watch until it is done, fetch
if answer=$(curl -sSi --fail-with-body ${quoted(`${origin}${root}/v1/transfers`)}${key} \\
  --form-string ${quoted(`request=${JSON.stringify(request)}`)} \\
${parts.join(" \\\n")}); then
  job=$(printf '%s\\n' "$answer" | tr -d '\\r' | sed -n 's/^[Ll]ocation: *//p')
  curl -sSN${key} "${origin}$job/events"
${images.join("\n")}
else
  printf '%s\\n' "$answer" >&2
  false
fi
`;
}

export function python({ origin, root, withKey, request, files }) {
  const parts = files.map(([part, file]) => `    ${literal(part)}: open(${literal(nameOf(file))}, "rb"),`);
  return `import json
import time

import requests

service = requests.Session()
${withKey ? 'service.headers["X-API-Key"] = "YOUR-KEY"\n' : ""}origin = ${literal(origin)}


def checked(response):
    if not response.ok:
        raise SystemExit(response.text)
    return response


request = json.loads(${literal(JSON.stringify(request))})
files = {
${parts.join("\n")}
}
job = checked(service.post(f"{origin}${root}/v1/transfers", data={"request": json.dumps(request)}, files=files)).json()
while job["status"] in ("queued", "running"):
    time.sleep(1)
    job = checked(service.get(origin + job["links"]["self"])).json()
if job["status"] != "succeeded":
    raise SystemExit(f"{job['status']}: {job['error']}")

${pictures(request).map(([query, name]) => pythonSave(query, name)).join("\n")}
`;
}

function pythonSave(query, name) {
  const path = `origin + job["links"]["image"]${query && ` + ${literal(query)}`}`;
  return `with open(${literal(name)}, "wb") as file:\n    file.write(checked(service.get(${path})).content)`;
}

export function javascript({ origin, root, withKey, request, files }) {
  const parts = files.map(
    ([part, file]) => `form.append(${literal(part)}, new Blob([await readFile(${literal(nameOf(file))})]), ${literal(part)});`,
  );
  const key = withKey ? '{ "X-API-Key": "YOUR-KEY" }' : "{}";
  return `// Node 18 or newer, as a file that ends in .mjs
import { readFile, writeFile } from "node:fs/promises";

const origin = ${literal(origin)};
const headers = ${key};

async function call(path, options) {
  const response = await fetch(origin + path, { headers, ...options });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

const form = new FormData();
form.append("request", JSON.stringify(${JSON.stringify(request)}));
${parts.join("\n")}

let job = await (await call("${root}/v1/transfers", { method: "POST", body: form })).json();
while (job.status === "queued" || job.status === "running") {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  job = await (await call(job.links.self)).json();
}
if (job.status !== "succeeded") throw new Error(job.status + ": " + job.error?.detail);

for (const [query, name] of ${JSON.stringify(pictures(request))}) {
  const image = await call(job.links.image + query);
  await writeFile(name, Buffer.from(await image.arrayBuffer()));
}
`;
}
