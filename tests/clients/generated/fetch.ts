// A transfer by the client that openapi-generator makes with typescript-fetch.
import { Configuration, ResponseError, StylesApi, TransfersApi } from "./nst";
import type { ScoreBodyContent, StyleImageBodyImage } from "./nst"; // one interface for all forms of an image

export async function paint(url: string, photo: string, art: string): Promise<Blob> {
  const configuration = new Configuration({ basePath: url });
  const styles = new StylesApi(configuration);
  const transfers = new TransfersApi(configuration);
  const image = { data: art } as StyleImageBodyImage;
  await styles.saveStyle({ name: "generated-fetch", styleBody: { images: [{ image }] } });

  const content = { data: photo, name: "photo.png" } as ScoreBodyContent;
  const transferBody = { content, styles: [{ preset: "generated-fetch" }], size: 64, iterations: 3 };
  let job = await transfers.createTransfer({ transferBody, prefer: "wait=5", idempotencyKey: "fetch" });
  while (job.status === "queued" || job.status === "running") {
    await new Promise((resolve) => setTimeout(resolve, 200));
    job = await transfers.getTransfer({ id: job.id });
  }
  const size: number = job.options.size;
  if (size !== 64 || job.options.content.name !== "photo.png") throw new Error(JSON.stringify(job.options));

  try {
    await transfers.createTransfer({ transferBody: { content, styles: [{ preset: "nobody" }] } });
  } catch (error) {
    if (!(error instanceof ResponseError) || error.response.status !== 422) throw error;
    return transfers.getTransferImage({ id: job.id });
  }
  throw new Error("a preset that isn't there was accepted");
}
