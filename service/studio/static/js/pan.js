// Where a picture lies in a window that shows a part of it: zoomed and moved. Numbers alone, without the page.
const [SMALLEST, LARGEST] = [0.05, 16]; // scales in window pixels for each pixel of the picture

export class Pan {
  constructor() {
    this.window = { width: 1, height: 1 };
    this.picture = { width: 1, height: 1 };
    this.scale = 1;
    this.fitting = true; // until the person zooms, whatever the window's size
    this.middle = { x: 0, y: 0 }; // of the picture, from the window's middle
  }

  /** The scale at which all of the picture is seen. */
  get whole() {
    return Math.min(this.window.width / this.picture.width, this.window.height / this.picture.height);
  }

  measure(window, picture) {
    [this.window, this.picture] = [window, picture];
    if (this.fitting) this.fit();
    else this.keepIn();
  }

  fit() {
    this.fitting = true;
    this.scale = this.whole;
    this.middle = { x: 0, y: 0 };
  }

  /** Zooms to a scale; what lies at `at`, from the window's middle, stays there. */
  zoom(scale, at = { x: 0, y: 0 }) {
    const next = Math.min(LARGEST, Math.max(Math.min(SMALLEST, this.whole), scale));
    const by = next / this.scale;
    this.fitting = false;
    this.middle = { x: at.x + (this.middle.x - at.x) * by, y: at.y + (this.middle.y - at.y) * by };
    this.scale = next;
    this.keepIn();
  }

  move(x, y) {
    this.middle = { x: this.middle.x + x, y: this.middle.y + y };
    this.keepIn();
  }

  /** Leads the picture back where the window would show nothing of it at an edge. */
  keepIn() {
    for (const [axis, side] of [["x", "width"], ["y", "height"]]) {
      const room = Math.max(0, (this.picture[side] * this.scale - this.window[side]) / 2);
      this.middle[axis] = Math.min(room, Math.max(-room, this.middle[axis]));
    }
  }
}
