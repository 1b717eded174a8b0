// A mask that is being painted: one byte for each place, 255 where it is white. It has no part in the page.
const MOST_PIXELS = 1_000_000; // of a mask: more would be finer than a brush
const STEPS = 40; // that can be undone
const FINEST = 4096; // steps of a brush's profile

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
    this.dropped = { oldest: [], future: [] }; // by the last `begin`
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
    this.dropped = { oldest: this.past.splice(0, this.past.length - STEPS), future: this.future };
    this.future = [];
  }

  /** Takes back what came since the last `begin`, as if it had never been; only where nothing was undone meanwhile. */
  giveUp() {
    this.values = this.past.pop();
    this.past.unshift(...this.dropped.oldest);
    this.future = this.dropped.future;
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
    const pieces = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / (2 * brush.radius))); // a long line's box lies mostly beside it
    const at = (k) => ({ x: from.x + ((to.x - from.x) * k) / pieces, y: from.y + ((to.y - from.y) * k) / pieces });
    const profile = profileOf(brush);
    for (let k = 0; k < pieces; k++) this.stretch(at(k), at(k + 1), brush, profile);
    return this.box(from, to, brush.radius);
  }

  /** The part of the mask that a line of this radius touches. */
  box(from, to, radius) {
    const x = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius));
    const y = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
    const right = Math.min(this.width, Math.ceil(Math.max(from.x, to.x) + radius));
    const bottom = Math.min(this.height, Math.ceil(Math.max(from.y, to.y) + radius));
    return { x, y, width: right - x, height: bottom - y };
  }

  /** A stretch of a stroke, once over its box. Stretches don't add up: the strongest counts. */
  stretch(from, to, { radius, erase }, profile) {
    const { x, y, width, height } = this.box(from, to, radius);
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length = dx * dx + dy * dy || 1;
    const steps = profile.length;
    const scale = steps / (radius * radius);
    const [full] = profile;
    const [values, turned] = [this.values, erase ? 255 : 0]; // erasing is painting on the mask turned round
    for (let row = y; row < y + height; row++) {
      const py = row + 0.5 - from.y;
      for (let column = x, i = row * this.width + x; column < x + width; column++, i++) {
        const painted = values[i] ^ turned;
        if (painted >= full) continue;
        const px = column + 0.5 - from.x;
        const along = Math.min(1, Math.max(0, (px * dx + py * dy) / length));
        const besideX = px - along * dx;
        const besideY = py - along * dy;
        const step = (besideX * besideX + besideY * besideY) * scale;
        if (step < steps && profile[step | 0] > painted) values[i] = profile[step | 0] ^ turned;
      }
    }
  }
}

/** What a brush paints by the square of the distance from its middle, in even steps up to its edge: a root for each place takes long. */
function profileOf({ radius, soft, amount }) {
  const edge = Math.max(0.5, soft * radius);
  const steps = Math.min(FINEST, 64 + Math.ceil(16 * radius * radius));
  return new Uint8Array(steps).map((_, step) => {
    const t = Math.min(1, (radius - radius * Math.sqrt(step / steps)) / edge);
    return Math.round(255 * amount * t * t * (3 - 2 * t));
  });
}

function isOpaque(rgba) {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}
