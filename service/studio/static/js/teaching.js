// Teaching presets painters: begins and ends a learning, and follows those that are under way.
import { call, getJson, Problem } from "./api.js";
import { deleteAt } from "./deleting.js";
import { watch } from "./events.js";
import { learns, painterOf, setPainter } from "./painters.js";
import { patiently } from "./patience.js";
import { fillShelf } from "./shelf.js";

export const MINUTES = 6; // of computing, for each painter
const MOST = 3; // learnings followed at a time: a browser has six connections to a service
const ENDED = new Set([404, 409]); // statuses of the events of a learning that is gone

const followed = new Map(); // a preset's name -> what ends following it

const pathOf = (name) => `v1/styles/${name}/painter`;

/** Begins to teach a preset. Throws a Problem if the service refuses. */
export async function teach(name) {
  const headers = { "Content-Type": "application/json" };
  const options = { method: "PUT", headers, body: JSON.stringify({ minutes: MINUTES }) };
  setPainter(name, await (await patiently(() => call(pathOf(name), options))).json());
}

/** Ends a learning; a painter from before it goes too. */
export async function stopTeaching(name) {
  await deleteAt(pathOf(name));
  stopFollowing(name); // its last events would be taken for those of a learning that begins now
  await refresh(name);
}

/** Follows a learning no longer: it ends, or its preset goes or gets another name. */
export function stopFollowing(name) {
  followed.get(name)?.abort();
  followed.delete(name);
}

/** Follows the learnings of these presets, or looks up how they ended; if there are many, some of them, and those that wait last. */
export function followAll(names) {
  const waits = (name) => Number(painterOf(name).status === "queued");
  for (const name of names.toSorted((one, other) => waits(one) - waits(other))) {
    if (followed.size < MOST && !followed.has(name) && !painterOf(name).lost) follow(name);
  }
}

async function follow(name) {
  const abort = new AbortController();
  followed.set(name, abort);
  try {
    await toItsEnd(name, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    if (ENDED.has(error.status)) await fillShelf(); // the preset is gone
    else setPainter(name, { ...painterOf(name), lost: error.message });
  } finally {
    if (followed.get(name) === abort) followed.delete(name);
  }
}

async function toItsEnd(name, signal) {
  await refresh(name, signal);
  while (learns(name)) {
    await watched(name, signal);
    await refresh(name, signal);
  }
}

async function refresh(name, signal) {
  const painter = await patiently(() => getJson(pathOf(name), signal), signal);
  setPainter(name, { sheet: painterOf(name).sheet, ...painter });
}

/** Takes what the events of a learning say, up to its end. */
async function watched(name, signal) {
  try {
    for await (const event of watch(painterOf(name).links, signal)) {
      take(name, event);
      if (event.data.status === "succeeded") await refresh(name, signal); // it paints, and is compared from now on
    }
  } catch (error) {
    if (signal.aborted || !ENDED.has(error.status)) throw error;
  }
}

function take(name, { name: event, data }) {
  const painter = painterOf(name);
  const status = { queued: "queued", running: "learning", learning: "learning" }[data.status] ?? painter.status;
  if (event === "progress") setPainter(name, { ...painter, ...data, status });
  if (event === "preview") setPainter(name, { ...painter, sheet: data.url });
}
