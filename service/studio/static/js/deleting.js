// Deleting: what isn't there any more counts as deleted, because an earlier try may have done it whose answer was lost.
import { call, GONE } from "./api.js";
import { patiently } from "./patience.js";

export async function deleteAt(path) {
  try {
    await patiently(() => call(path, { method: "DELETE" }));
  } catch (error) {
    if (error.status !== GONE) throw error;
  }
}
