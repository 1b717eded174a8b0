// Whose presets are. Those that are shared can be used by all, and changed only by whoever runs the service.
import { FORBIDDEN, getJson, GONE } from "./api.js";
import { currentKey } from "./key.js";
import { patiently } from "./patience.js";

export const SHARED = "There is a shared one of that name: you will have yours instead.";

const OPERATORS = "v1/tenants/default"; // which only those who run the service may read

let isOperator = null; // whether this key may change shared presets; null until the service was asked

/** Finds out whether the shared ones of these presets may be changed. */
export async function askWhose(presets, signal) {
  if (isOperator !== null || !presets.some(({ shared }) => shared)) return;
  isOperator = !currentKey() || (await mayRead(OPERATORS, signal));
}

async function mayRead(path, signal) {
  try {
    await patiently(() => getJson(path, signal), signal);
    return true;
  } catch (error) {
    if (![FORBIDDEN, GONE].includes(error.status)) throw error;
    return false;
  }
}

/** Whether a preset is shared, and can't be changed with this key. */
export function isOthers({ shared }) {
  return shared && !isOperator;
}

/** "own", "shared" (by whoever runs the service) or "built-in"; undefined for no preset. */
export function kindOf(preset) {
  if (!preset) return undefined;
  if (preset.built_in) return "built-in";
  return isOthers(preset) ? "shared" : "own";
}
