// What a worker holds, kept in this browser before anybody relies on it: each answer with its salt, and then the receipt for it.

let opened = null;
function store() {
  return (opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("piecework", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("receipts", { keyPath: "assignment" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => { opened = null; reject(new Error("This browser keeps nothing for this page (private mode?), so an answer can't be sealed safely.")); };
  }));
}
const run = async (mode, act) => {
  const transaction = (await store()).transaction("receipts", mode, { durability: "strict" }), request = act(transaction.objectStore("receipts"));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(new Error("This browser has no room left to keep your receipt. Make some and try again; nothing was sent."));
  });
};

/** Keeps an entry { assignment, chain_id, escrow, job, slot, worker, terms, salt, answer, commitment, signature }; it is on disk when this returns. */
export const keep = (entry) => run("readwrite", (receipts) => receipts.put(entry));
/** The entry of an assignment, or undefined. */
export const kept = (assignment) => run("readonly", (receipts) => receipts.get(assignment));
/** All entries. */
export const all = () => run("readonly", (receipts) => receipts.getAll());
