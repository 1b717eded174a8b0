// What is known of the presets' painters, the networks that paint at once.
const NONE = Object.freeze({ status: "none" });

const known = new Map(); // a preset's name -> its painter as the API describes it; from the list of presets its status alone
const listeners = new Set();

export function painterOf(name) {
  return known.get(name) ?? NONE;
}

/** Whether a preset's painter can paint: also while it learns anew. */
export function canPaint(name) {
  const { status, size } = painterOf(name);
  return status === "ready" || size != null;
}

export function learns(name) {
  return ["queued", "learning"].includes(painterOf(name).status);
}

/** Whether it is known how a preset's newest learning ended: the list of presets doesn't say it. */
export function isEndKnown(name) {
  return painterOf(name).error !== undefined;
}

export function onPainters(listener) {
  listeners.add(listener);
}

export function setPainter(name, painter) {
  known.set(name, painter);
  tell();
}

/** Takes the statuses from the list of presets; what else is known of a painter with that status stays. */
export function setPainters(presets) {
  const before = new Map(known);
  known.clear();
  for (const { name, painter: status } of presets) {
    const same = before.get(name)?.status === status;
    known.set(name, same ? before.get(name) : { status });
  }
  tell();
}

function tell() {
  for (const listener of listeners) listener();
}
