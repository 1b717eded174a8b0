// The dialog that shows the draft as code, and copies it.
import { $, ask, say } from "./dom.js";
import { draft } from "./draft.js";
import { currentKey } from "./key.js";
import { toRequest } from "./request.js";
import * as snippets from "./snippets.js";

const NOTE = "Run it where the pictures lie.";

function draw() {
  const language = document.querySelector("[name=language]:checked").value;
  const asked = { origin: location.origin, withKey: Boolean(currentKey()), ...toRequest(draft) };
  $("code").textContent = snippets[language](asked);
  $("code-note").textContent = draft.content ? NOTE : "Choose a photograph, and its name stands here instead of photo.jpg.";
}

async function copy() {
  const words = (await copied($("code").textContent)) ? "Copied." : "The browser doesn’t let this page copy: the code is selected, copy it yourself.";
  $("code-note").textContent = words;
  say(words);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // an origin that isn't secure has no clipboard: select the text and use the old command
    getSelection().selectAllChildren($("code"));
    return document.execCommand("copy");
  }
}

export function setUpCode() {
  $("copy-code").addEventListener("click", () => {
    draw();
    ask($("code-dialog"));
  });
  $("code-dialog").addEventListener("change", draw);
  $("copy").addEventListener("click", copy);
}
