// The transfers of instant pictures: only the last one stays with the service, or else a dial would fill the gallery.
import { jobInAddress } from "./address.js";
import { call, GONE } from "./api.js";
import { visit } from "./memory.js";

const KEPT = "studio.instant";

const going = new Set(); // those that are being deleted, or are gone
let ids = visit.parsed(KEPT) ?? []; // of the last one, and of older ones that could not be deleted yet

function remember(some) {
  ids = some;
  visit.set(KEPT, JSON.stringify(ids));
}

/** Takes note of the newest instant picture, and deletes the ones before it. */
export async function supersedeBy(id) {
  const old = ids;
  remember([...old, id]);
  await Promise.all(old.map(discard));
}

/** Deletes the transfer of a picture that nobody will look at; one that can't be deleted now is with the next. */
export async function discard(id) {
  going.add(id);
  try {
    await call(`v1/transfers/${id}`, { method: "DELETE" });
  } catch (error) {
    if (error.status !== GONE) {
      going.delete(id);
      return remember([...new Set([...ids, id])]);
    }
  }
  remember(ids.filter((one) => one !== id));
}

/** Whether a transfer is being deleted: a list that was read before may still have it. */
export function isGoing(id) {
  return going.has(id);
}

/** Leaves a transfer to the person who has opened or deleted it. */
export function letGo(id) {
  if (ids.includes(id)) remember(ids.filter((one) => one !== id));
}

export function keepOpened() {
  letGo(jobInAddress());
}
