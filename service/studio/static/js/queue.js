// Who else waits: transfers that go before one.
import { getJson } from "./api.js";

const MOST = 50; // counted: beyond that the words say "more than"

async function open(status) {
  return (await getJson(`v1/transfers?status=${status}&limit=${MOST}`)).items;
}

/** How many transfers wait or are being painted now. */
export async function crowd() {
  const [waiting, running] = await Promise.all([open("queued"), open("running")]);
  return waiting.length + running.length;
}

/** How many transfers go before one that waits; as the service says it, or else as many as came earlier. */
export async function before(job) {
  if (job.queue) return ((await getJson(job.links.self)).queue?.position ?? 1) - 1;
  const waiting = await open("queued");
  return waiting.filter(({ id, created_at: made }) => id !== job.id && made < job.created_at).length;
}

/** A number of other transfers in words: "1 other picture". */
export function othersInWords(number) {
  const most = number >= MOST ? `${MOST} or more` : number;
  return `${most} other ${number === 1 ? "picture" : "pictures"}`;
}
