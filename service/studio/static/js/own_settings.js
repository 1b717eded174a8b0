// A chosen preset's own settings: they come onto the dials, and the person's can be put back.
import { $, say, show } from "./dom.js";
import { draft, onDraft, setSettings } from "./draft.js";
import { solePreset } from "./known.js";
import { areShown, settingsFor, settingsInWords } from "./preset_settings.js";

let before = null; // {name, settings}: the dials before the preset's settings came onto them

function carried() {
  const preset = solePreset(draft.mix);
  return preset && Object.keys(preset.options).length ? preset : null;
}

/** Brings the settings of a preset that was chosen alone onto the dials. */
export function takeSettings() {
  const preset = carried();
  if (!preset || areShown(preset.options, draft.settings)) return;
  before = { name: preset.name, settings: draft.settings };
  setSettings(settingsFor(preset.options));
  say(`The dials show the settings of ${preset.name}: ${settingsInWords(preset.options)}.`);
}

function press() {
  const preset = carried();
  if (!areShown(preset.options, draft.settings)) return takeSettings();
  const { settings } = before;
  before = null;
  setSettings(settings);
}

function draw() {
  const preset = carried();
  show($("own-settings"), Boolean(preset));
  if (!preset) return;
  if (before?.name !== preset.name) before = null;
  const shown = areShown(preset.options, draft.settings);
  const words = settingsInWords(preset.options);
  $("own-settings-words").textContent = shown ? `The dials show what ${preset.name} keeps: ${words}.` : `${preset.name} keeps settings of its own: ${words}.`;
  $("own-settings-button").textContent = shown ? "Put mine back" : "Use them";
  show($("own-settings-button"), !shown || before !== null);
}

export function setUpOwnSettings() {
  $("own-settings-button").addEventListener("click", press);
  onDraft((what) => (what === "mix" || what === "settings") && draw());
}

export { draw as drawOwnSettings };
