// The Server-Sent Events of a transfer or a painter. Read with fetch: an EventSource couldn't send the key.
import { call, getJson } from "./api.js";
import { patiently } from "./patience.js";

const SILENCE_MS = 40_000; // the service breaks silence every 15 s: after this the connection is dead
const PAUSE_MS = 500; // before a new request after the stream broke

/** The events {name, data} of what has these links, up to its end; it reconnects after a break. */
export async function* watch({ self, events }, signal) {
  let last = "";
  for (;;) {
    const headers = last === "" ? {} : { "Last-Event-ID": last };
    const response = await patiently(() => call(events, { headers, signal }), signal);
    if (response.status === 204) {
      yield { name: "done", data: await patiently(() => getJson(self, signal), signal) };
      return;
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
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    signal.throwIfAborted();
  }
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
