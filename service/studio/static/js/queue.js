// What else waits: transfers of the same tenant that go before one.
import { getJson } from "./api.js";

const MOST = 50; // counted: beyond that the words say "more than"

async function open(status) {
  return (await getJson(`v1/transfers?status=${status}&limit=${MOST}`)).items;
}

/** How many of the tenant's transfers wait or are being painted now. */
export async function crowd() {
  const [waiting, running] = await Promise.all([open("queued"), open("running")]);
  return waiting.length + running.length;
}

/** How many transfers go before one, as the service says it, or else as many as came earlier; null where it doesn't wait. */
export async function before(job) {
  if (job.queue) {
    const { queue } = await getJson(job.links.self);
    return queue && queue.position - 1;
  }
  const waiting = await open("queued");
  return waiting.filter(({ id, created_at: made }) => id !== job.id && made < job.created_at).length;
}

/** A number of other transfers in words: "1 other picture". */
export function othersInWords(number) {
  const most = number >= MOST ? `${MOST} or more` : number;
  return `${most} other ${number === 1 ? "picture" : "pictures"}`;
}
