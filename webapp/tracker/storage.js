/** The events of pages that are gone, in IndexedDB. */

const HANGS = 1000; // ms after which storage that says nothing is given up

const pause = (time) => new Promise((done) => setTimeout(done, time));

/** Resolves as `writing` does, or after a second: a storage that hangs delays, no more. */
export const patiently = (writing) => Promise.race([writing, pause(HANGS)]);

/** The database, or nothing when the browser refuses it. */
export function openDatabase(name) {
  const opened = new Promise((done) => {
    const request = indexedDB.open(name, 1);
    const keyPath = "event.event_id";
    request.onupgradeneeded = () => request.result.createObjectStore("events", { keyPath });
    request.onsuccess = () => done(request.result);
    request.onerror = () => done(null);
  });
  return patiently(opened).catch(() => null);
}
