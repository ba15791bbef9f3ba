// What is entered stays in this browser: fields in localStorage, rows in IndexedDB, since they may be many megabytes.
const NAME = "piecework.new", DATABASE = "piecework-new", ROWS = "rows";

export function remembered() {
  try { return JSON.parse(localStorage.getItem(NAME) ?? "{}"); } catch { return {}; }
}

export function remember(fields) {
  try { localStorage.setItem(NAME, JSON.stringify(fields)); } catch { /* full or forbidden: the page works without */ }
}

function open() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(ROWS);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function run(mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const asked = work(database.transaction(ROWS, mode).objectStore(ROWS));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  } finally { database.close(); }
}

export const keepRows = (kept) => run("readwrite", (store) => store.put(kept, ROWS)).catch(() => null);
export const keptRows = () => run("readonly", (store) => store.get(ROWS)).catch(() => null);

export async function forget() {
  localStorage.removeItem(NAME);
  await run("readwrite", (store) => store.delete(ROWS)).catch(() => null);
}
