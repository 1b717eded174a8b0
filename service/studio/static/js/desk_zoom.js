// The paper of the mask's dialog larger than its desk, which scrolls: zoomed by buttons, keys, the wheel and two fingers.
import { $ } from "./dom.js";
import { percent } from "./words.js";

const LARGEST = 8; // times the size at which all of the photograph is seen
const STEP = 1.5;
const WHEEL = 0.0025; // of zoom, for a pixel of the wheel

let scale = 1;

/** Zooms to a scale; what lies at `at`, a place of the window, stays there. */
function zoomTo(wanted, at = middle()) {
  const before = $("paper").getBoundingClientRect();
  scale = Math.min(LARGEST, Math.max(1, wanted));
  $("desk").style.height = scale > 1 ? `${$("desk").offsetHeight}px` : ""; // it stays as high as it was, so that nothing moves beneath the fingers
  $("paper").style.setProperty("--zoom", scale);
  const after = $("paper").getBoundingClientRect();
  const moved = (side, length, place) => after[side] + ((place - before[side]) / before[length]) * after[length] - place;
  $("desk").scrollBy(moved("left", "width", at.clientX), moved("top", "height", at.clientY));
  $("brush-scale").textContent = percent(scale);
}

function middle() {
  const box = $("desk").getBoundingClientRect();
  return { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
}

export const zoom = {
  in: () => zoomTo(scale * STEP),
  out: () => zoomTo(scale / STEP),
  whole: () => zoomTo(1),

  /** Follows a finger from one place to another while another finger rests: {clientX, clientY} each. */
  pinch(before, now, other) {
    const apart = (place) => Math.hypot(place.clientX - other.clientX, place.clientY - other.clientY);
    $("desk").scrollBy((before.clientX - now.clientX) / 2, (before.clientY - now.clientY) / 2);
    zoomTo((scale * apart(now)) / Math.max(1, apart(before)), { clientX: (now.clientX + other.clientX) / 2, clientY: (now.clientY + other.clientY) / 2 });
  },

  /** Scrolls so that a place of the window is on the desk. */
  keepInSight({ clientX, clientY }) {
    const { left, right, top, bottom } = $("desk").getBoundingClientRect();
    const beyond = (place, low, high) => Math.min(0, place - low) + Math.max(0, place - high);
    $("desk").scrollBy(beyond(clientX, left, right), beyond(clientY, top, bottom));
  },
};

function rolled(event) {
  if (!event.ctrlKey && !event.metaKey) return; // then the desk scrolls
  event.preventDefault();
  zoomTo(scale * Math.exp(-WHEEL * event.deltaY), event);
}

export function setUpZoom() {
  $("brush-in").addEventListener("click", zoom.in);
  $("brush-out").addEventListener("click", zoom.out);
  $("desk").addEventListener("wheel", rolled, { passive: false });
}
