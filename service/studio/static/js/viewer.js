// The stage's picture large: as a whole, pixel by pixel, or on the full screen. Moved by drag, touch, wheel and keys.
import { $, ask, show } from "./dom.js";
import { Pan } from "./pan.js";

const STEP = 1.25; // of zoom, for a button or a key
const KEY_MOVE = 80; // pixels
const WHEEL = 0.0015; // of zoom, for a pixel of the wheel

const pan = new Pan();
const fingers = new Map(); // pointer -> its last place

/** The scale at which a pixel of the picture is one of the screen. */
function actual() {
  return 1 / devicePixelRatio;
}

function measure() {
  const { naturalWidth: width, naturalHeight: height } = $("viewer-picture");
  const box = $("viewer-window").getBoundingClientRect();
  if (width) pan.measure({ width: box.width, height: box.height }, { width, height });
}

function draw() {
  const image = $("viewer-picture");
  if (!image.naturalWidth) return;
  measure();
  const { scale, middle } = pan;
  for (const one of [image, $("viewer-before")]) {
    one.style.width = `${pan.picture.width * scale}px`;
    one.style.height = `${pan.picture.height * scale}px`;
    one.style.translate = `calc(-50% + ${middle.x}px) calc(-50% + ${middle.y}px)`;
  }
  $("viewer-window").classList.toggle("coarse", scale * devicePixelRatio >= 3);
  $("viewer-scale").textContent = `${Math.round(100 * scale * devicePixelRatio)} %`;
  $("viewer-fit").setAttribute("aria-pressed", String(pan.fitting));
  $("viewer-actual").setAttribute("aria-pressed", String(!pan.fitting && Math.abs(scale / actual() - 1) < 0.001));
}

/** Has an action followed by a new drawing. */
function then(action) {
  return (event) => {
    action(event);
    draw();
  };
}

function placeOf({ clientX, clientY }) {
  const box = $("viewer-window").getBoundingClientRect();
  return { x: clientX - box.left - box.width / 2, y: clientY - box.top - box.height / 2 };
}

/** One finger moves the picture, two zoom it. */
function drag(event) {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const now = placeOf(event);
  const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
  fingers.set(event.pointerId, now);
  if (!other) return pan.move(now.x - before.x, now.y - before.y);
  const apart = (place) => Math.hypot(place.x - other.x, place.y - other.y);
  pan.zoom((pan.scale * apart(now)) / Math.max(1, apart(before)), other);
}

function showBefore(visible) {
  $("viewer-compare").setAttribute("aria-pressed", String(visible));
  show($("viewer-before"), visible);
}

function toggleBefore() {
  if (!$("viewer-compare").hidden) showBefore($("viewer-before").hidden);
}

async function toggleFullScreen() {
  if (!document.fullscreenEnabled) return;
  if (document.fullscreenElement) await document.exitFullscreen();
  else await $("viewer-sheet").requestFullscreen().catch(() => {}); // a browser that refuses shows the window as it is
}

const KEYS = {
  ArrowLeft: () => pan.move(KEY_MOVE, 0),
  ArrowRight: () => pan.move(-KEY_MOVE, 0),
  ArrowUp: () => pan.move(0, KEY_MOVE),
  ArrowDown: () => pan.move(0, -KEY_MOVE),
  "+": () => pan.zoom(pan.scale * STEP),
  "=": () => pan.zoom(pan.scale * STEP),
  "-": () => pan.zoom(pan.scale / STEP),
  0: () => pan.fit(),
  1: () => pan.zoom(actual()),
  f: toggleFullScreen,
  b: toggleBefore,
};

function pressed(event) {
  const act = event.ctrlKey || event.metaKey || event.altKey ? null : KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  measure(); // the window may have another size by now
  act();
  draw();
}

/** Takes the stage's pictures, which change while a transfer goes on; the photograph is there once they can be compared. */
function mirror() {
  if (!$("viewer").open) return;
  const [after, before] = [$("after"), $("before")];
  if (after.src) $("viewer-picture").src = after.src;
  $("viewer-picture").alt = after.alt;
  const compared = !$("compare").hidden && Boolean(before.getAttribute("src"));
  if (compared) $("viewer-before").src = before.src;
  else showBefore(false);
  show($("viewer-compare"), compared);
}

async function open() {
  const closed = ask($("viewer"));
  pan.fit();
  showBefore(false);
  mirror();
  draw();
  $("viewer-window").focus();
  await closed;
  fingers.clear();
  for (const id of ["viewer-picture", "viewer-before"]) $(id).removeAttribute("src");
  if (document.fullscreenElement) await document.exitFullscreen();
  $("look-closer").focus(); // the end of the full screen takes the focus away
}

function listenToPointers(pane) {
  pane.addEventListener("pointerdown", (event) => {
    pane.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, placeOf(event));
  });
  pane.addEventListener("pointermove", then(drag));
  for (const name of ["pointerup", "pointercancel"]) pane.addEventListener(name, ({ pointerId }) => fingers.delete(pointerId));
  pane.addEventListener("dblclick", then((event) => (pan.fitting ? pan.zoom(actual(), placeOf(event)) : pan.fit())));
  pane.addEventListener(
    "wheel",
    then((event) => {
      event.preventDefault();
      pan.zoom(pan.scale * Math.exp(-WHEEL * event.deltaY), placeOf(event));
    }),
    { passive: false },
  );
}

export function setUpViewer() {
  $("look-closer").addEventListener("click", open);
  $("viewer-fit").addEventListener("click", then(() => pan.fit()));
  $("viewer-actual").addEventListener("click", then(() => pan.zoom(actual())));
  $("viewer-in").addEventListener("click", then(() => pan.zoom(pan.scale * STEP)));
  $("viewer-out").addEventListener("click", then(() => pan.zoom(pan.scale / STEP)));
  $("viewer-compare").addEventListener("click", toggleBefore);
  $("viewer-full").addEventListener("click", toggleFullScreen);
  show($("viewer-full"), document.fullscreenEnabled);
  $("viewer").addEventListener("keydown", pressed);
  $("viewer-picture").addEventListener("load", draw);
  listenToPointers($("viewer-window"));
  new ResizeObserver(draw).observe($("viewer-window"));
  const stage = new MutationObserver(mirror);
  stage.observe($("after"), { attributeFilter: ["src"] });
  stage.observe($("compare"), { attributeFilter: ["hidden"] });
}
