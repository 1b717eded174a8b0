// The gallery: past transfers, newest first, as the service has them; all of them, or those that are searched for.
import { getJson } from "./api.js";
import { $, show } from "./dom.js";
import { cardOf } from "./gallery_card.js";
import { isFiltering, isWanted, offerStyles } from "./gallery_filter.js";
import { isGoing } from "./instant_jobs.js";
import { patiently } from "./patience.js";
import { showNothing } from "./pictures.js";
import { tellIn } from "./problems.js";

const PAGE = 12;
const SEARCHED = 100; // transfers of a page while something is searched for
const PAGES = 10; // searched at a time
const EMPTY = "Nothing has been painted yet. What you paint hangs here, and stays after a reload.";
const NONE = "None of your pictures is like that.";

const cards = new Map(); // a transfer's id -> {card, job}
const listeners = new Set();
let next = null;
let search = 0; // the newest one's number: older ones are given up

function page(cursor, limit = PAGE) {
  return patiently(() => getJson(`v1/transfers?limit=${limit}${cursor ? `&cursor=${cursor}` : ""}`));
}

/** Calls a listener when other cards are shown. */
export function onCards(listener) {
  listeners.add(listener);
}

/** The transfers that are shown, in their order. */
export function shownJobs() {
  return [...$("wall").children].map((card) => cards.get(card.dataset.job).job);
}

/** The card's element of a transfer; undefined if it isn't shown. */
export function cardOfJob(id) {
  return cards.get(id)?.card;
}

/** The id of the transfer that hangs after some, or else before them; undefined if there is no other. */
export function neighbourOf(ids) {
  const all = shownJobs().map(({ id }) => id);
  const places = ids.map((id) => all.indexOf(id)).filter((place) => place >= 0);
  const after = all.slice(Math.max(...places) + 1).find((id) => !ids.includes(id));
  return after ?? all.findLast((id) => !ids.includes(id));
}

/** Loads the newest transfers again; cards of transfers that still exist stay. */
export function refreshGallery() {
  return refresh().catch(tellIn($("gallery-empty")));
}

async function refresh() {
  const { items: listed, next: cursor } = await page();
  const items = listed.filter(({ id }) => !isGoing(id));
  const oldest = cursor ? listed.at(-1).created_at : ""; // of those that the service has named
  const gone = [...cards].filter(([id, { job }]) => job.created_at >= oldest && !items.some((one) => one.id === id));
  for (const [id] of gone) drop(id);
  if ((cards.size === 0 && !isFiltering()) || !cursor) next = cursor;
  items.filter(isWanted).forEach((job, i) => place(job, i));
  finish();
}

/** Shows the transfers that are searched for now, instead of those before. */
export function searchAgain() {
  for (const id of [...cards.keys()]) drop(id);
  next = undefined;
  return more(false).catch(tellIn($("gallery-empty")));
}

async function more(focus = true) {
  const mine = ++search;
  const before = cards.size;
  let read = 0;
  do {
    const { items, next: cursor } = await page(next, isFiltering() ? SEARCHED : PAGE);
    if (mine !== search) return;
    next = cursor;
    for (const job of items.filter(isWanted)) place(job, cards.size);
    read += 1;
  } while (next && cards.size - before < PAGE && read < PAGES);
  finish();
  if (focus) $("wall").children[before]?.querySelector("a").focus();
}

/** Puts a transfer's card at a place. A card that is already there isn't moved, because it would lose the focus. */
function place(job, at) {
  const known = cards.get(job.id);
  const card = known?.job.status === job.status ? known.card : cardOf(job);
  if (known && known.card !== card) drop(job.id);
  cards.set(job.id, { card, job });
  const there = $("wall").children[at] ?? null;
  if (there !== card) $("wall").insertBefore(card, there);
}

function drop(id) {
  const { card } = cards.get(id);
  const image = card.querySelector("img");
  if (image) showNothing(image);
  card.remove();
  cards.delete(id);
}

function finish() {
  $("gallery-empty").textContent = isFiltering() ? NONE : EMPTY;
  show($("gallery-empty"), cards.size === 0);
  show($("more"), next !== null);
  offerStyles(shownJobs());
  markOpen();
  for (const listener of listeners) listener();
}

/** Marks the card of the transfer on the stage. */
export function markOpen() {
  for (const link of $("wall").querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

$("more").addEventListener("click", () => more().catch(tellIn($("gallery-empty"))));
