// The draft in IndexedDB, which can hold files. If the browser has none, a reload forgets the draft.
const [NAME, STORE, KEY] = ["studio", "draft", "draft"];

let opening = null;

function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export async function load() {
  try {
    const store = (await database()).transaction(STORE).objectStore(STORE);
    return (await done(store.get(KEY))) ?? null;
  } catch {
    return null;
  }
}

export async function save(draft) {
  try {
    const store = (await database()).transaction(STORE, "readwrite").objectStore(STORE);
    await done(store.put({ ...draft }, KEY));
  } catch {
    // private windows and full disks: the page works, but it forgets the draft
  }
}
