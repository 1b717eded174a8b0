// A transfer by fetch, with the types that openapi-typescript makes.
import type { components } from "./nst";

type Transfer = components["schemas"]["TransferOut"];

export async function paint(url: string, photo: string, art: string): Promise<Blob> {
  const style: components["schemas"]["StyleBody"] = { images: [{ image: art }] };
  await call(`${url}/v1/styles/generated-types`, "PUT", style);

  const body: components["schemas"]["TransferBody"] = {
    content: photo, styles: [{ preset: "generated-types" }], size: 64, iterations: 3,
  };
  let job: Transfer = await (await call(`${url}/v1/transfers`, "POST", body)).json();
  while (job.status === "queued" || job.status === "running") {
    await new Promise((resolve) => setTimeout(resolve, 200));
    job = await (await call(`${url}/v1/transfers/${job.id}`, "GET")).json();
  }
  const size: number = job.options.size;
  if (size !== 64) throw new Error(JSON.stringify(job.options));
  return (await call(`${url}/v1/transfers/${job.id}/image`, "GET")).blob();
}

async function call(url: string, method: string, body?: object): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
  return response;
}
