import { openDatabase, patiently } from "./storage.js";
import { uuid7 } from "./visitor.js";
import { encode, post } from "./wire.js";

const QUEUE = 1000; // events that wait, at most
const LINGER = 400; // ms that an event waits for others to go with
const BODY = 60_000; // bytes; browsers let 64 KiB of keepalive requests and beacons be under way
const BACKOFF = [1000, 60_000]; // ms, first and longest
const FRESH = 10_000; // ms for which a row's page is taken to live where there are no Web Locks

/**
 * Events on their way to one collector. Those of a living page are sent from its memory; a copy of
 * each is in IndexedDB before it is sent and until it was accepted, for a later page to find. A page
 * shows that it lives by a Web Lock, so that no other adopts its events.
 */
export class Outbox {
  static #all = new Map();
  #url;
  #page = uuid7();
  #ready; // the database, or null
  #stored = null; // the last write
  #pending = new Map(); // event_id → {event, tell, away}, oldest first; away: handed over, no answer yet
  #dropped = 0;
  #failures = 0;
  #timer;
  #sending = false;
  #most = Infinity; // events in a request, fewer once one was refused: which of them is at fault?
  #left = false;
  #release = () => {};

  static of(url) {
    const { href } = new URL(url, document.baseURI);
    if (!this.#all.has(href)) this.#all.set(href, new Outbox(href));
    return this.#all.get(href);
  }

  constructor(url) {
    this.#url = url;
    addEventListener("online", () => this.send());
  }

  open() {
    this.#ready ??= this.#adopt().catch(() => null);
  }

  /** `tell(event, state, message)`: new, then sending, accepted, kept, refused, dropped or beacon. */
  put(event, tell) {
    if (this.#dropped) event.dropped = this.#dropped;
    this.#stored = this.draft(event);
    this.#add({ event, tell });
    tell(event, "new", "");
    if (!this.#timer) this.#later(LINGER);
  }

  /** Keeps an event that a later page delivers, should this one not live to `put` it. */
  draft(event) {
    return this.#write((store) => store.put({ page: this.#page, at: Date.now(), event }));
  }

  /** Posts what waits, now. */
  async send() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (await this.#sendBatch());
    } finally {
      this.#sending = false;
    }
  }

  /** Hands what waits to the browser, which delivers it although the page goes. */
  leave() {
    this.#left = true;
    this.#release();
    for (let batch; (batch = this.#take()).length; ) {
      if (!navigator.sendBeacon?.(this.#url, encode(batch))) return;
      this.#mark(batch, "beacon", "");
    }
  }

  /** The page came back from the back/forward cache: no beacon has told of its fate. Every tracker
   * of the page says so; the first is enough. */
  return() {
    if (!this.#left) return;
    this.#left = false;
    for (const entry of this.#pending.values()) entry.away = false;
    this.#hold();
    this.send();
  }

  #add(entry) {
    this.#pending.set(entry.event.event_id, entry);
    if (this.#pending.size <= QUEUE) return;
    const oldest = [...this.#pending.values()].find(({ away }) => !away); // what is may have arrived
    this.#forget([oldest], "dropped", "Too many events wait.");
  }

  #later(time) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.send(), time);
  }

  async #sendBatch() {
    await patiently(this.#stored);
    const batch = this.#take();
    if (!batch.length) return false;
    this.#mark(batch, "sending", "");
    const { state, message, wait } = await post(this.#url, encode(batch));
    for (const entry of batch) entry.away = false; // this is its answer
    if (state === "kept") return this.#retry(batch, message, wait);
    this.#failures = 0;
    if (state === "refused" && batch.length > 1) {
      this.#most = batch.length >> 1;
      return true;
    }
    if (state === "accepted") this.#most *= 2;
    this.#forget(batch, state, message);
    return true;
  }

  #retry(batch, message, wait) {
    const most = Math.min(BACKOFF[0] * 2 ** this.#failures++, BACKOFF[1]);
    this.#mark(batch, "kept", message);
    this.#later(wait || most * (0.5 + Math.random() / 2));
    return false;
  }

  /** What is not away, oldest first, as much as one request may carry. */
  #take() {
    const batch = [];
    let room = BODY;
    for (const entry of this.#pending.values()) {
      if (entry.away) continue;
      room -= new Blob([JSON.stringify(entry.event)]).size + 30;
      if (batch.length && (room < 0 || batch.length >= this.#most)) break;
      entry.away = true;
      batch.push(entry);
    }
    return batch;
  }

  #mark(batch, state, message) {
    for (const { event, tell } of batch) tell(event, state, message);
  }

  #forget(batch, state, message) {
    for (const { event } of batch) this.#pending.delete(event.event_id);
    if (state !== "accepted") this.#dropped += batch.length;
    this.#write((store) => batch.forEach(({ event }) => store.delete(event.event_id)));
    this.#mark(batch, state, message);
  }

  /** Resolves when the write is durable, or is known not to succeed. */
  async #write(act) {
    try {
      const database = await this.#ready;
      await new Promise((done) => {
        const writing = database.transaction("events", "readwrite");
        writing.oncomplete = writing.onabort = done;
        act(writing.objectStore("events"));
      });
    } catch {
      // No storage: the events live as long as the page.
    }
  }

  /** Takes over what pages that are gone have left. Two pages cannot adopt the same event. */
  async #adopt() {
    await this.#hold();
    const database = await openDatabase(`playlake ${this.#url}`);
    const held = await navigator.locks?.query();
    const names = held && new Set(held.held.map((lock) => lock.name));
    const lives = ({ page, at }) => (names ? names.has(page) : Date.now() - at < FRESH);
    const adopt = (store) => {
      store.getAll().onsuccess = ({ target }) => {
        const own = this.#pending;
        this.#pending = new Map(); // in the order of their age: this page's come last
        for (const row of target.result.filter((found) => !lives(found))) {
          store.put({ ...row, page: this.#page });
          this.#add({ event: row.event, tell() {} });
        }
        own.forEach((entry) => this.#add(entry));
        if (this.#pending.size) this.#later(LINGER);
      };
    };
    this.#ready = database;
    if (database) this.#write(adopt);
    return database;
  }

  async #hold() {
    await new Promise((done) => {
      const lived = () => new Promise((release) => done((this.#release = release)));
      navigator.locks?.request(this.#page, lived).catch(done) ?? done();
    }).catch(() => null);
  }
}
