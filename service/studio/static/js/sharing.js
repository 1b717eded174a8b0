// Whose presets are. Those that another tenant shares can be used, and nothing else: only that tenant changes them.
import { getJson, GONE } from "./api.js";
import { currentKey } from "./key.js";
import { patiently } from "./patience.js";

export const SHARED = "There is a shared one of that name: you will have yours instead.";

let isSharer = null; // whether shared presets are this key's tenant's; null until the service was asked

/** Finds out whose the shared presets are: their former states are shown to their own tenant alone. */
export async function askWhose(presets, signal) {
  const shared = presets.find((preset) => preset.shared);
  if (isSharer !== null || !shared) return;
  isSharer = !currentKey() || (await hasVersions(shared, signal));
}

async function hasVersions({ links }, signal) {
  try {
    await patiently(() => getJson(`${links.self}/versions`, signal), signal);
    return true;
  } catch (error) {
    if (error.status !== GONE) throw error;
    return false;
  }
}

/** Whether a preset is another tenant's. */
export function isOthers({ shared }) {
  return shared && !isSharer;
}

/** "own", "shared" (by another tenant) or "built-in"; undefined for no preset. */
export function kindOf(preset) {
  if (!preset) return undefined;
  if (preset.built_in) return "built-in";
  return isOthers(preset) ? "shared" : "own";
}
