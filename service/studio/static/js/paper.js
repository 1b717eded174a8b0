// The paper of the mask's dialog: the photograph with the mask as a tint, painted with pointer or keys.
import { $ } from "./dom.js";

const OPACITY = 0.62; // of the tint where the mask is white
const KEY_STEP = 0.5; // of the radius: how far an arrow key leads

/** What is painted, and with what: {mask, tint, brush: () => {size in pixels, soft, amount, erase}, onStroke}. */
export class Paper {
  constructor(canvas, { mask, tint, brush, onStroke }) {
    Object.assign(this, { canvas, mask, tint, brush, onStroke });
    [canvas.width, canvas.height] = [mask.width, mask.height];
    this.context = canvas.getContext("2d");
    this.at = { x: mask.width / 2, y: mask.height / 2 }; // of the keyboard's brush
    this.last = null; // where the stroke has come to
    this.listening = new AbortController();
    const listen = (name, heard) => canvas.addEventListener(name, heard, { signal: this.listening.signal });
    listen("pointerdown", (event) => this.down(event));
    listen("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) listen(name, () => this.up());
    listen("pointerleave", () => this.ring(null));
    listen("keydown", (event) => this.key(event));
    listen("blur", () => this.ring(null));
    this.draw();
  }

  leave() {
    this.listening.abort();
    this.ring(null);
  }

  /** Draws the tint of a part of the mask, or of all of it. */
  draw({ x, y, width, height } = { x: 0, y: 0, width: this.mask.width, height: this.mask.height }) {
    if (width <= 0 || height <= 0) return;
    const image = this.context.createImageData(width, height);
    const [red, green, blue] = this.tint;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const value = this.mask.values[(y + row) * this.mask.width + x + column];
        image.data.set([red, green, blue, OPACITY * value], 4 * (row * width + column));
      }
    }
    this.context.putImageData(image, x, y);
  }

  placeOf({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return { x: ((clientX - box.left) / box.width) * this.mask.width, y: ((clientY - box.top) / box.height) * this.mask.height };
  }

  /** The brush in the mask's pixels; a pen's pressure makes it thinner. */
  brushFor({ pointerType, pressure } = {}) {
    const { size, ...rest } = this.brush();
    const scale = this.mask.width / this.canvas.getBoundingClientRect().width;
    return { ...rest, radius: (size / 2) * scale * (pointerType === "pen" ? 0.3 + 0.7 * pressure : 1) };
  }

  down(event) {
    if (event.button > 0 || this.last) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.mask.begin();
    this.stroke(this.placeOf(event), this.brushFor(event));
    this.ring(event);
  }

  move(event) {
    this.ring(event);
    if (!this.last || event.pointerId !== this.pointer) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const one of passed.length ? passed : [event]) this.stroke(this.placeOf(one), this.brushFor(one));
  }

  stroke(place, brush) {
    this.draw(this.mask.line(this.last ?? place, place, brush));
    this.last = place;
  }

  up() {
    if (!this.last) return;
    this.last = null;
    this.onStroke();
  }

  /** Arrows lead the brush; Space paints there, and with Ctrl they paint on the way. */
  key(event) {
    const { key, shiftKey, ctrlKey } = event;
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key] ?? [0, 0];
    if (!dx && !dy && key !== " ") return;
    event.preventDefault();
    const brush = this.brushFor();
    const step = shiftKey ? 1 : Math.max(1, KEY_STEP * brush.radius);
    const from = this.at;
    this.at = { x: Math.min(this.mask.width, Math.max(0, from.x + dx * step)), y: Math.min(this.mask.height, Math.max(0, from.y + dy * step)) };
    if (key === " " || ctrlKey) {
      this.mask.begin();
      this.draw(this.mask.line(from, this.at, brush));
      this.onStroke();
    }
    const box = this.canvas.getBoundingClientRect();
    this.ring({ clientX: box.left + (this.at.x / this.mask.width) * box.width, clientY: box.top + (this.at.y / this.mask.height) * box.height });
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
