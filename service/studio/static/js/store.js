// The drafts in IndexedDB, which can hold files: one for each tab of the browser, by the tab's id. Each belongs to a key.
import { keyMark } from "./key.js";
import { visit } from "./memory.js";
import { uniqueName } from "./random.js";

const [NAME, STORE] = ["studio", "draft"];
const MOST = 5; // drafts that are kept: the newest ones
const OLD = "draft"; // the key of the draft that all tabs shared in earlier versions
const TAB = "studio.tab";

const tab = visit.get(TAB) ?? uniqueName();
let opening = null;

function database() {
  opening ??= opened();
  return opening;
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const { result } = request;
      result.onclose = forget; // by the browser
      result.onversionchange = () => {
        result.close();
        forget();
      };
      resolve(result);
    };
  });
}

function forget() {
  opening = null;
}

/** The result of what `use` asks of the store, once that has been written; tried again over a new connection if need be. */
async function transact(mode, use) {
  try {
    return await attempt(mode, use);
  } catch {
    forget();
    return attempt(mode, use);
  }
}

async function attempt(mode, use) {
  const transaction = (await database()).transaction(STORE, mode);
  const request = use(transaction.objectStore(STORE));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error ?? new Error("The browser gave up."));
  });
}

/** This tab's draft, or the newest one of its key where it has none; null where the key has none. Older drafts go. */
export async function load() {
  const drafts = (await transact("readonly", (store) => store.getAll())).map((kept) => ({ tab: OLD, at: 0, key: keyMark(), ...kept }));
  const others = drafts.filter((one) => one.tab !== tab).toSorted((one, other) => other.at - one.at);
  for (const old of others.slice(MOST - 1)) await transact("readwrite", (store) => store.delete(old.tab));
  return [...drafts.filter((one) => one.tab === tab), ...others].find((one) => one.key === keyMark()) ?? null;
}

/** Keeps this tab's draft for the key of a mark. Throws where the browser doesn't: it has no room, or its settings forbid it. */
export async function save(draft, key = keyMark()) {
  await transact("readwrite", (store) => store.put({ ...draft, tab, at: Date.now(), key }, tab));
}

// The id is in the tab's memory only while the page isn't there: a tab that is duplicated mustn't take it along.
addEventListener("pageshow", () => visit.forget(TAB));
addEventListener("pagehide", () => visit.set(TAB, tab));
