// The Server-Sent Events of a transfer or a painter. Read with fetch: an EventSource couldn't send the key.
import { call, getJson } from "./api.js";
import { patiently } from "./patience.js";

const SILENCE_MS = 40_000; // the service breaks silence every 15 s: after this the connection is dead
const PAUSE_MS = 500; // before a new request after the stream broke
const NO_CONTENT = 204; // it has ended, and all was told
const FULL = new Set([429, 503]);
const [USUAL_S, MOST_S] = [5, 15]; // until the next look where a stream has no place
const LIVE = new Set(["queued", "running", "learning"]);

/** The events {name, data} of what has these links, up to its end; it reconnects after a break. Without a place for a stream it asks now and then. */
export async function* watch({ self, events }, signal) {
  let last = "";
  for (;;) {
    const headers = last === "" ? {} : { "Last-Event-ID": last };
    const response = await patiently(() => call(events, { headers, signal }).catch(unlessFull), signal);
    if (!response.body) { // it has ended, or there is no place for one more stream
      const data = await patiently(() => getJson(self, signal), signal);
      const isLive = response.status !== NO_CONTENT && LIVE.has(data.status);
      yield isLive ? { name: "progress", data: { ...data, ...data.progress } } : { name: "done", data };
      if (!isLive) return;
      await pause(1000 * Math.min(response.retryAfter ?? USUAL_S, MOST_S), signal);
      continue;
    }
    try {
      for await (const event of eventsIn(response.body)) {
        last = event.id;
        yield event;
        if (event.name === "done") return;
      }
    } catch {
      signal.throwIfAborted();
    }
    await pause(PAUSE_MS, signal);
  }
}

/** The problem itself where there is no place for one more stream; throws others. */
function unlessFull(error) {
  if (!FULL.has(error.status)) throw error;
  return error;
}

async function pause(ms, signal) {
  await new Promise((resolve) => setTimeout(resolve, ms));
  signal.throwIfAborted();
}

async function* eventsIn(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await orSilence(reader.read());
      if (done) return;
      text += value;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      yield* blocks.map(parsed).filter((event) => event.data !== null);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const event = { id: "", name: "", data: null };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    const [field, value] = [line.slice(0, colon), line.slice(colon + 2)];
    if (field === "id") event.id = value;
    if (field === "event") event.name = value;
    if (field === "data") event.data = JSON.parse(value);
  }
  return event;
}

function orSilence(promise) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("silence")), SILENCE_MS);
  });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}
