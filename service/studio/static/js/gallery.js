// The gallery: past transfers, newest first, as the service has them.
import { getJson } from "./api.js";
import { $, h, icon, show } from "./dom.js";
import { patiently } from "./patience.js";
import { showNothing, showPicture } from "./pictures.js";
import { tellIn } from "./problems.js";
import { ago, count, STATUS, stylesOf } from "./words.js";

const PAGE = 12;
const EMPTY = "Nothing has been painted yet. What you paint hangs here, and stays after a reload.";

const cards = new Map(); // a transfer's id -> {card, status}
let next = null;

async function page(cursor) {
  return patiently(() => getJson(`/v1/transfers?limit=${PAGE}${cursor ? `&cursor=${cursor}` : ""}`));
}

/** Loads the newest transfers again; cards of transfers that still exist stay. */
export function refreshGallery() {
  return refresh().catch(tellIn($("gallery-empty")));
}

async function refresh() {
  const { items, next: cursor } = await page();
  const oldest = cursor ? items.at(-1).created_at : ""; // of those that the service has named
  const gone = [...cards].filter(([id, { made }]) => made >= oldest && !items.some((job) => job.id === id));
  for (const [id] of gone) drop(id);
  if (cards.size === 0 || !cursor) next = cursor;
  items.forEach((job, i) => place(job, i));
  finish();
}

async function more() {
  const { items, next: cursor } = await page(next);
  next = cursor;
  for (const job of items) place(job, cards.size);
  finish();
  cards.get(items[0]?.id)?.card.querySelector("a").focus();
}

/** Puts a transfer's card at a place. A card that is already there isn't moved, because it would lose the focus. */
function place(job, at) {
  const known = cards.get(job.id);
  const card = known?.status === job.status ? known.card : cardOf(job);
  if (known && known.card !== card) drop(job.id);
  cards.set(job.id, { card, status: job.status, made: job.created_at });
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
  $("gallery-empty").textContent = EMPTY;
  show($("gallery-empty"), cards.size === 0);
  show($("more"), next !== null);
  markOpen();
}

/** Marks the card of the transfer on the stage. */
export function markOpen() {
  for (const link of $("wall").querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function cardOf(job) {
  const styles = stylesOf(job.options);
  const done = job.status === "succeeded";
  const many = job.options.variants.length;
  const when = done ? ago(job.created_at) : STATUS[job.status];
  const small = many > 1 ? `${when} · ${count(many, "picture", "pictures")}` : when;
  return h(
    "li",
    { class: `card-${job.status}` },
    h(
      "a",
      { href: `#/${job.id}` },
      pictureOf(job),
      h("span", { class: "label" }, h("strong", {}, styles), " ", h("small", {}, small)),
      job.status === "failed" ? h("span", { class: "reason" }, job.error?.detail ?? "") : null,
    ),
  );
}

function pictureOf(job) {
  const live = job.status === "queued" || job.status === "running";
  if (job.status === "failed") return h("span", { class: "blank" }, icon("alert"));
  const image = h("img", { alt: "", loading: "lazy" });
  const path = job.links.preview && !live ? job.links.preview : `/v1/transfers/${job.id}/content`;
  showPicture(image, path).catch(() => image.classList.add("absent"));
  return image;
}

$("more").addEventListener("click", () => more().catch(tellIn($("gallery-empty"))));
