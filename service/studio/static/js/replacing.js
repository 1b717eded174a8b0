// Saving a preset under a name: the one that has it already gives way, and can be had back.
import { call, getJson } from "./api.js";
import { presetNamed } from "./known.js";
import { patiently } from "./patience.js";
import { kindOf } from "./sharing.js";
import { fillShelf } from "./shelf.js";

const CREATED = 201;

/** The preset that a name has by now, where it isn't the one that the person was told of; else undefined. */
export async function newcomer(name, told, signal) {
  await fillShelf(signal);
  const now = presetNamed(name);
  return now && now.version !== told?.version ? now : undefined;
}

/** Sends a preset by PUT; returns what it replaced, {name, version}, or null where the name was free. */
export async function replace(name, path, options, signal) {
  const there = presetNamed(name);
  const before = kindOf(there) === "own" ? there : null;
  let tries = 0;
  const send = () => {
    tries += 1;
    return call(path, { method: "PUT", signal, ...options });
  };
  const response = await patiently(send, signal);
  if (tries > 1) return before; // what this one replaced may come from an earlier one, whose answer was lost
  if (response.status === CREATED) return null;
  const { version } = await response.json();
  const { items } = await patiently(() => getJson(`v1/styles/${name}/versions`, signal), signal);
  const next = 1 + items.findIndex((state) => state.version === version); // -1 while the saved one is the present one
  return items[next] ? { name, version: items[next].version } : before;
}
