// A mask that is being painted: one byte for each place, 255 where it is white. It has no part in the page.
const MOST_PIXELS = 1_000_000; // of a mask: more would be finer than a brush
const SPACING = 0.2; // of the radius, between two dabs of a stroke
const STEPS = 40; // that can be undone

/** The size of a mask for a photograph: of its aspect ratio, which the service checks. */
export function maskSize({ width, height }) {
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

export class Mask {
  constructor({ width, height }, value = 0) {
    this.width = width;
    this.height = height;
    this.values = new Uint8Array(width * height).fill(value);
    this.past = [];
    this.future = [];
  }

  /** Whether all places have this value. */
  isAll(value) {
    return this.values.every((one) => one === value);
  }

  /** Takes a mask's file of any size as the service does: by its alpha if it has transparency, else by its grey values. */
  async read(file) {
    const bitmap = await createImageBitmap(file);
    const context = new OffscreenCanvas(this.width, this.height).getContext("2d");
    context.drawImage(bitmap, 0, 0, this.width, this.height);
    bitmap.close();
    const { data } = context.getImageData(0, 0, this.width, this.height);
    const opaque = isOpaque(data);
    const grey = (i) => 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2] + 0.5;
    for (let i = 0; i < this.values.length; i++) this.values[i] = opaque ? grey(4 * i) : data[4 * i + 3];
  }

  /** Keeps the mask as it is, so that what comes next can be undone. */
  begin() {
    this.past.push(this.values.slice());
    if (this.past.length > STEPS) this.past.shift();
    this.future = [];
  }

  undo() {
    this.swap(this.past, this.future);
  }

  redo() {
    this.swap(this.future, this.past);
  }

  swap(from, to) {
    if (!from.length) return;
    to.push(this.values);
    this.values = from.pop();
  }

  fill(value) {
    this.begin();
    this.values.fill(value);
  }

  invert() {
    this.begin();
    this.values.forEach((value, i) => (this.values[i] = 255 - value));
  }

  /** Paints or erases from one place to another; brush: {radius, soft and amount from 0 to 1, erase}. Returns what it touched. */
  line(from, to, brush) {
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    const steps = Math.max(1, Math.ceil(length / Math.max(1, SPACING * brush.radius)));
    for (let k = 0; k <= steps; k++) this.dab(from.x + ((to.x - from.x) * k) / steps, from.y + ((to.y - from.y) * k) / steps, brush);
    return this.box(Math.min(from.x, to.x), Math.min(from.y, to.y), Math.max(from.x, to.x), Math.max(from.y, to.y), brush.radius);
  }

  box(left, top, right, bottom, margin) {
    const x = Math.max(0, Math.floor(left - margin));
    const y = Math.max(0, Math.floor(top - margin));
    return { x, y, width: Math.min(this.width, Math.ceil(right + margin)) - x, height: Math.min(this.height, Math.ceil(bottom + margin)) - y };
  }

  /** One dab. Dabs of a stroke don't add up: the strongest counts. */
  dab(atX, atY, { radius, soft, amount, erase }) {
    const { x, y, width, height } = this.box(atX, atY, atX, atY, radius);
    const edge = Math.max(0.5, soft * radius);
    for (let row = y; row < y + height; row++) {
      for (let column = x; column < x + width; column++) {
        const inside = (radius - Math.hypot(column + 0.5 - atX, row + 0.5 - atY)) / edge;
        if (inside <= 0) continue;
        const t = Math.min(1, inside);
        const paint = Math.round(255 * amount * t * t * (3 - 2 * t));
        const i = row * this.width + column;
        this.values[i] = erase ? Math.min(this.values[i], 255 - paint) : Math.max(this.values[i], paint);
      }
    }
  }
}

function isOpaque(rgba) {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}
