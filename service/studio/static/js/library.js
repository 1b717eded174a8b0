// Puts together what has to do with presets and with files: they are edited, taken along, chosen with their settings, sent smaller.
import { setUpEditing } from "./edit.js";
import { setUpManaging } from "./manage.js";
import { setUpOwnSettings } from "./own_settings.js";
import { setUpPacks } from "./packs.js";
import { setUpShrinking } from "./shrink.js";

export function setUpLibrary() {
  setUpManaging();
  setUpEditing();
  setUpPacks();
  setUpOwnSettings();
  setUpShrinking();
}
