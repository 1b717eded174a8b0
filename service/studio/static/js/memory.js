// The page's memory, if the browser allows it: for this visit, or on this device.
const OURS = "studio."; // how the names of all that is kept begin

function guarded(kind) {
  const orNull = (use) => {
    try {
      return use(globalThis[kind]);
    } catch {
      return null; // blocked or full: the page works without it
    }
  };
  return {
    get: (name) => orNull((storage) => storage.getItem(name)),
    parsed: (name) => orNull((storage) => JSON.parse(storage.getItem(name))), // null too where it is damaged
    set: (name, text) => orNull((storage) => storage.setItem(name, text)),
    forget: (name) => orNull((storage) => storage.removeItem(name)),
    forgetAllBut: (name) => orNull((storage) => Object.keys(storage).forEach((one) => one.startsWith(OURS) && one !== name && storage.removeItem(one))),
  };
}

export const visit = guarded("sessionStorage");
export const device = guarded("localStorage");
