/**
 * Delivers events to the collector, oldest first and at least once: an event stays in memory until the
 * server has accepted it. The server tells a repeated event by its `event_id`.
 */

/** Browsers let at most 64 KB of keepalive requests and beacons be on their way; an event is < 600 B. */
const BATCH = 100;

/** What may succeed when tried again: no answer, too many requests, or the server's own trouble. */
const mayRecover = (status) => status === 408 || status === 429 || status >= 500;

export class Outbox {
  #url;
  #onState;
  #pending = [];
  #sending = false;

  /** `onState(event, state, message)`: state is sending, accepted, kept, refused or beacon. */
  constructor(url, onState) {
    this.#url = url;
    this.#onState = onState;
  }

  put(event) {
    this.#pending.push(event);
  }

  /** Posts what is pending. After a failure the events stay, and go with the next call. */
  async send() {
    if (this.#sending) return;
    this.#sending = true;
    let accepted = true;
    while (accepted && this.#pending.length) accepted = await this.#sendBatch();
    this.#sending = false;
  }

  /** Hands what is pending to the browser, which delivers it even when the page is gone. */
  beacon() {
    while (this.#pending.length) {
      const batch = this.#pending.slice(0, BATCH);
      // text/plain needs no CORS preflight, which a page that is going away could not wait for.
      const body = new Blob([encode(batch)], { type: "text/plain" });
      if (!navigator.sendBeacon(this.#url, body)) return;
      this.#pending.splice(0, batch.length);
      this.#tell(batch, "beacon", "");
    }
  }

  async #sendBatch() {
    // Taken out while they are under way, so that a beacon at the same time does not send them twice.
    const batch = this.#pending.splice(0, BATCH);
    this.#tell(batch, "sending", "");
    const { state, message } = await this.#post(batch);
    if (state === "kept") this.#pending.unshift(...batch);
    this.#tell(batch, state, message);
    return state !== "kept";
  }

  async #post(batch) {
    const headers = { "content-type": "application/json" };
    const request = { method: "POST", keepalive: true, headers, body: encode(batch) };
    try {
      return await outcome(await fetch(this.#url, request));
    } catch {
      return { state: "kept", message: "The server could not be reached." };
    }
  }

  #tell(batch, state, message) {
    for (const event of batch) this.#onState(event, state, message);
  }
}

function encode(batch) {
  const sent_at = Date.now();
  const events = batch.map((event) => ({ ...event, sent_at }));
  return JSON.stringify(events.length === 1 ? events[0] : events);
}

/** Reads the collector's envelope; a 200 without it came from something else and accepted nothing. */
async function outcome(response) {
  const answer = await response.json().catch(() => null);
  if (response.ok && answer?.data?.success === true) return { state: "accepted", message: "" };
  const message = answer?.error?.message ?? `The server answered ${response.status}, unreadably.`;
  return { state: response.ok || mayRecover(response.status) ? "kept" : "refused", message };
}
