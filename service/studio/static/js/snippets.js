// The draft's request as code that runs: pure functions from {origin, withKey, request, files} to text.
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

function ending(request) {
  return (request.format ?? "png").replace("jpeg", "jpg");
}

export function curl({ origin, withKey, request, files }) {
  const key = withKey ? ` -H ${quoted("X-API-Key: YOUR-KEY")}` : "";
  const parts = files.map(([part, file]) => {
    const name = nameOf(file).replace(/["\\]/g, "\\$&");
    return `  -F ${quoted(`${part}=@"${name}"`)}`;
  });
  return `# submit, watch until it is done, fetch
job=$(curl -sS -o /dev/null -w '%header{location}' ${quoted(`${origin}/v1/transfers`)}${key} \\
  --form-string ${quoted(`request=${JSON.stringify(request)}`)} \\
${parts.join(" \\\n")})
curl -sSN${key} "${origin}$job/events"
curl -sSf${key} "${origin}$job/image" -o ${OUTPUT}.${ending(request)}
`;
}

export function python({ origin, withKey, request, files }) {
  const parts = files.map(([part, file]) => `    ${literal(part)}: open(${literal(nameOf(file))}, "rb"),`);
  return `import json
import time

import requests

service = requests.Session()
${withKey ? 'service.headers["X-API-Key"] = "YOUR-KEY"\n' : ""}origin = ${literal(origin)}
request = json.loads(${literal(JSON.stringify(request))})
files = {
${parts.join("\n")}
}
response = service.post(f"{origin}/v1/transfers", data={"request": json.dumps(request)}, files=files)
response.raise_for_status()
job = response.json()
while job["status"] in ("queued", "running"):
    time.sleep(1)
    job = service.get(origin + job["links"]["self"]).json()
if job["status"] != "succeeded":
    raise SystemExit(f"{job['status']}: {job['error']}")

with open("${OUTPUT}.${ending(request)}", "wb") as file:
    file.write(service.get(origin + job["links"]["image"]).content)
`;
}

export function javascript({ origin, withKey, request, files }) {
  const parts = files.map(
    ([part, file]) => `form.append(${literal(part)}, new Blob([await readFile(${literal(nameOf(file))})]), ${literal(part)});`,
  );
  const key = withKey ? '{ "X-API-Key": "YOUR-KEY" }' : "{}";
  return `// Node 18 or newer, as a file that ends in .mjs
import { readFile, writeFile } from "node:fs/promises";

const origin = ${literal(origin)};
const headers = ${key};
const form = new FormData();
form.append("request", JSON.stringify(${JSON.stringify(request)}));
${parts.join("\n")}

const response = await fetch(origin + "/v1/transfers", { method: "POST", headers, body: form });
let job = await response.json();
if (!response.ok) throw new Error(job.detail);
while (job.status === "queued" || job.status === "running") {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  job = await (await fetch(origin + job.links.self, { headers })).json();
}
if (job.status !== "succeeded") throw new Error(job.status + ": " + job.error?.detail);

const image = await fetch(origin + job.links.image, { headers });
await writeFile("${OUTPUT}.${ending(request)}", Buffer.from(await image.arrayBuffer()));
`;
}
