// A chosen preset's own settings: they come onto the dials, and leave them with the preset or when the person says so.
import { $, say, show } from "./dom.js";
import { draft, onDraft, setSettings } from "./draft.js";
import { keyMark } from "./key.js";
import { solePreset } from "./known.js";
import { device } from "./memory.js";
import { areShown, settingsFor, settingsInWords } from "./preset_settings.js";

const KEPT = "studio.own-settings"; // as the draft outlives a reload, so does this

/** {name, own, settings}: the preset whose settings came onto the dials, what they are, and the dials before; or null. */
let taken = device.parsed(KEPT);
if (taken?.key !== keyMark()) taken = null; // another key's draft had them

function remember(now) {
  taken = now;
  if (now) device.set(KEPT, JSON.stringify({ ...now, key: keyMark() }));
  else device.forget(KEPT);
}

function carried() {
  const preset = solePreset(draft.mix);
  return preset && Object.keys(preset.options).length ? preset : null;
}

/** Brings the settings of a preset that was chosen alone onto the dials. */
export function takeSettings() {
  const preset = carried();
  if (!preset || areShown(preset.options, draft.settings)) return;
  const own = settingsFor(preset.options);
  remember({ name: preset.name, own, settings: draft.settings });
  setSettings(own);
  say(`The dials show the settings of ${preset.name}: ${settingsInWords(preset.options)}.`);
}

/** Puts the dials back that still show what came with the preset; those that the person has moved since stay. */
function putBack() {
  const { own, settings } = taken;
  remember(null);
  const untouched = Object.keys(own).filter((name) => draft.settings[name] === own[name]);
  setSettings(Object.fromEntries(untouched.map((name) => [name, settings[name]])));
  say("The dials show your own settings again.");
}

function isLeft() {
  return taken !== null && !(draft.mix.length === 1 && draft.mix[0].preset === taken.name);
}

/** Forgets what came with a preset, and the dials before it: they get the settings of another draft. */
export function forgetOwnSettings() {
  remember(null);
}

/** Has the settings stay where their preset gets another name. */
export function renameOwnSettings(name, now) {
  if (taken?.name === name) remember({ ...taken, name: now });
}

function press() {
  if (areShown(carried().options, draft.settings)) putBack();
  else takeSettings();
}

function draw() {
  if (isLeft()) putBack();
  const preset = carried();
  show($("own-settings"), Boolean(preset));
  if (!preset) return;
  const shown = areShown(preset.options, draft.settings);
  const words = settingsInWords(preset.options);
  $("own-settings-words").textContent = shown ? `The dials show what ${preset.name} keeps: ${words}.` : `${preset.name} keeps settings of its own: ${words}.`;
  $("own-settings-button").textContent = shown ? "Put mine back" : "Use them";
  show($("own-settings-button"), !shown || taken !== null);
}

export function setUpOwnSettings() {
  $("own-settings-button").addEventListener("click", press);
  onDraft((what) => (what === "mix" || what === "settings") && draw());
}

export { draw as drawOwnSettings };
