// The paper of the mask's dialog: the photograph with the mask as a tint, painted with pointer or keys.
import { $ } from "./dom.js";

const OPACITY = 0.62; // of the tint where the mask is white
const KEY_STEP = 0.5; // of the radius: how far an arrow key leads
const NEAR = 0.15; // of the radius: places of a pointer that lie closer together are one

/** What is painted, and with what: {mask, tint, brush: () => {size in pixels, soft, amount, erase}, zoom, onStroke}. */
export class Paper {
  constructor(canvas, { mask, tint, brush, zoom, onStroke }) {
    Object.assign(this, { canvas, mask, brush, zoom, onStroke });
    [canvas.width, canvas.height] = [mask.width, mask.height];
    this.context = canvas.getContext("2d");
    this.at = { x: mask.width / 2, y: mask.height / 2 }; // of the keyboard's brush
    this.pointer = null; // whose stroke goes on
    this.last = null; // where it has come to
    this.fingers = new Map(); // pointer -> its last place in the window
    this.changed = null; // the part of the mask that hasn't been drawn
    this.listening = new AbortController();
    const listen = (name, heard) => canvas.addEventListener(name, heard, { signal: this.listening.signal });
    listen("pointerdown", (event) => this.down(event));
    listen("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) listen(name, (event) => this.up(event));
    listen("pointerleave", () => this.ring(null));
    listen("keydown", (event) => this.key(event));
    listen("blur", () => this.ring(null));
    this.dye(tint);
  }

  leave() {
    this.listening.abort();
    this.changed = null;
    this.ring(null);
  }

  /** Shows the mask in a colour, [red, green, blue]. */
  dye([red, green, blue]) {
    const colours = new Uint8ClampedArray(4 * 256);
    for (let value = 0; value < 256; value++) colours.set([red, green, blue, OPACITY * value], 4 * value);
    this.colours = new Uint32Array(colours.buffer); // by the mask's value
    this.draw();
  }

  /** Draws a part of the mask with the next frame: a stroke touches the same places several times in one. */
  drawSoon(part) {
    if (!this.changed) requestAnimationFrame(() => this.changed && this.draw(this.changed));
    this.changed = this.changed ? around(this.changed, part) : part;
  }

  /** Draws the tint of a part of the mask, or of all of it. */
  draw({ x, y, width, height } = { x: 0, y: 0, width: this.mask.width, height: this.mask.height }) {
    this.changed = null;
    if (width <= 0 || height <= 0) return;
    const image = this.context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const { values } = this.mask;
    for (let row = 0; row < height; row++) {
      const start = (y + row) * this.mask.width + x;
      for (let column = 0; column < width; column++) pixels[row * width + column] = this.colours[values[start + column]];
    }
    this.context.putImageData(image, x, y);
  }

  placeOf({ clientX, clientY }, box) {
    return { x: ((clientX - box.left) / box.width) * this.mask.width, y: ((clientY - box.top) / box.height) * this.mask.height };
  }

  /** The brush in the mask's pixels, the canvas being as wide as `box`. */
  brushFor(box) {
    const { size, ...rest } = this.brush();
    return { ...rest, radius: (size / 2) * (this.mask.width / box.width) };
  }

  /**
   * One finger paints. A second one takes back what the first one has begun: two of them move and zoom the paper. Beside a pen,
   * a touch is the palm of the hand, whichever came first.
   */
  down(event) {
    const fingers = [...this.fingers.values()];
    const isPalm = event.pointerType === "touch" && fingers.some(({ pointerType }) => pointerType === "pen");
    if (event.button > 0 || isPalm) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    if (event.pointerType === "pen") this.forgetPalm();
    this.fingers.set(event.pointerId, event);
    if (this.fingers.size > 1) return this.giveUp();
    this.pointer = event.pointerId;
    this.mask.begin();
    this.follow([event]);
    this.ring(event);
  }

  forgetPalm() {
    this.giveUp();
    this.fingers.clear();
  }

  move(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before && event.pointerType === "touch") return; // a palm
    if (before) this.fingers.set(event.pointerId, event);
    if (this.fingers.size > 1) return before && this.pinch(event, before);
    if (event.pointerId === this.pointer) {
      const passed = event.getCoalescedEvents?.() ?? [];
      this.follow(passed.length ? passed : [event]);
    }
    this.ring(event); // last: a place that is read after it would have the page laid out anew
  }

  pinch(now, before) {
    const [other] = [...this.fingers.values()].filter(({ pointerId }) => pointerId !== now.pointerId);
    this.zoom.pinch(before, now, other);
  }

  /** Leads the stroke along the places that its pointer passed. A stretch costs as much as its brush is wide: it had better be long. */
  follow(passed) {
    const box = this.canvas.getBoundingClientRect();
    const brush = this.brushFor(box);
    passed.forEach((event, i) => {
      const place = this.placeOf(event, box);
      const from = this.last ?? place;
      const radius = brush.radius * thinness(event);
      const isNear = Math.hypot(place.x - from.x, place.y - from.y) < NEAR * radius;
      if (isNear && i < passed.length - 1) return;
      this.drawSoon(this.mask.line(from, place, { ...brush, radius }));
      this.last = place;
    });
  }

  up({ pointerId }) {
    this.fingers.delete(pointerId);
    if (pointerId !== this.pointer) return;
    this.endStroke();
    this.onStroke();
  }

  /** Ends the pointer's stroke, which can't be given up any more: its pointer paints no further until it comes down again. */
  endStroke() {
    this.pointer = this.last = null;
  }

  giveUp() {
    this.ring(null);
    if (this.pointer === null) return;
    this.endStroke();
    this.mask.giveUp();
    this.draw();
    this.onStroke();
  }

  /** Arrows lead the brush; Space paints there, and with Ctrl they paint on the way. */
  key(event) {
    const { key, shiftKey, ctrlKey } = event;
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key] ?? [0, 0];
    if (!dx && !dy && key !== " ") return;
    event.preventDefault();
    const brush = this.brushFor(this.canvas.getBoundingClientRect());
    const step = shiftKey ? 1 : Math.max(1, KEY_STEP * brush.radius);
    const from = this.at;
    this.at = { x: Math.min(this.mask.width, Math.max(0, from.x + dx * step)), y: Math.min(this.mask.height, Math.max(0, from.y + dy * step)) };
    if (key === " " || ctrlKey) {
      this.endStroke();
      this.mask.begin();
      this.drawSoon(this.mask.line(from, this.at, brush));
      this.onStroke();
    }
    this.zoom.keepInSight(this.keyPlace());
    this.ring(this.keyPlace());
  }

  /** Where the keyboard's brush is in the window. */
  keyPlace() {
    const box = this.canvas.getBoundingClientRect();
    return { clientX: box.left + (this.at.x / this.mask.width) * box.width, clientY: box.top + (this.at.y / this.mask.height) * box.height };
  }

  /** Shows the brush's edge at a place of the window; null hides it. */
  ring(place) {
    const ring = $("brush-ring");
    ring.hidden = !place;
    if (!place) return;
    const box = this.canvas.parentElement.getBoundingClientRect();
    ring.style.setProperty("--x", `${place.clientX - box.left}px`);
    ring.style.setProperty("--y", `${place.clientY - box.top}px`);
    ring.style.setProperty("--size", `${this.brush().size}px`);
  }
}

/** How thin a pen's pressure makes the brush. */
function thinness({ pointerType, pressure }) {
  return pointerType === "pen" ? 0.3 + 0.7 * pressure : 1;
}

/** The smallest part of the mask that holds two parts. */
function around(one, other) {
  const [x, y] = [Math.min(one.x, other.x), Math.min(one.y, other.y)];
  const right = Math.max(one.x + one.width, other.x + other.width);
  const bottom = Math.max(one.y + one.height, other.y + other.height);
  return { x, y, width: right - x, height: bottom - y };
}
