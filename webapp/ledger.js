/** What the page shows of the events: the timeline of the chosen clip, and the list of all of them. */

const SVG = "http://www.w3.org/2000/svg";

const STATES = {
  sending: "on its way",
  accepted: "accepted by the server",
  kept: "not accepted yet, kept and sent again",
  refused: "refused by the server",
  dropped: "given up",
  beacon: "left to the browser as a beacon, which gets no answer",
};

/** 65432 ms → "1:05.432" */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const padded = String(seconds % 60).padStart(2, "0");
  return `${Math.floor(seconds / 60)}:${padded}.${String(ms % 1000).padStart(3, "0")}`;
}

const inSeconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** How many ms of a video a set of `{started_at, ended_at}` covers, counting what overlaps once. */
function covered(intervals) {
  let end = 0;
  let total = 0;
  for (const { started_at, ended_at } of intervals.toSorted((a, b) => a.started_at - b.started_at)) {
    total += Math.max(0, ended_at - Math.max(end, started_at));
    end = Math.max(end, ended_at);
  }
  return total;
}

function element(name, className, text) {
  const node = document.createElement(name);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** A bar from `start` to `end` on a line that is `whole` long; positions are attributes, as CSP wants. */
function bar(className, start, end, whole) {
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("class", className);
  rect.setAttribute("height", "100%");
  place(rect, start, end, whole);
  return rect;
}

function place(rect, start, end, whole) {
  rect.setAttribute("x", `${(100 * start) / whole}%`);
  rect.setAttribute("width", `${(100 * Math.max(0, end - start)) / whole}%`);
}

/** The line of one clip: a bar for each counted interval, and one that grows while it plays. */
export class Timeline {
  #svg;
  #summary;
  #whole = 1;
  #live = bar("live", 0, 0, 1);

  constructor(svg, summary) {
    this.#svg = svg;
    this.#summary = summary;
  }

  /** Shows the events of a clip that is `whole` ms long. */
  draw(events, whole) {
    this.#whole = whole;
    const bars = events.map((event) => bar("played", event.started_at, event.ended_at, whole));
    this.#svg.replaceChildren(...bars, this.#live);
    this.#summarise(events);
  }

  /** Shows the interval that is open, in ms; `null` when there is none. */
  follow(open) {
    place(this.#live, open?.start ?? 0, open?.end ?? 0, this.#whole);
  }

  #summarise(events) {
    const seen = covered(events);
    const share = Math.round((100 * seen) / this.#whole);
    const ranges = events.map((event) => `${clock(event.started_at)} to ${clock(event.ended_at)}`);
    this.#summary.value = events.length
      ? `${inSeconds(seen)} of ${inSeconds(this.#whole)}, ${share} %`
      : "nothing yet";
    this.#svg.setAttribute("aria-label", `Played: ${ranges.join(", ") || "nothing yet"}`);
  }
}

/** The list of events, newest first, each with what became of it. */
export class EventList {
  #list;
  #rows = new Map(); // event_id → the row's line of state

  constructor(list) {
    this.#list = list;
  }

  add(event, title) {
    const row = element("li", "event");
    const state = element("p", "state");
    row.append(heading(event, title), miniature(event), state, source(event));
    this.#list.prepend(row);
    this.#rows.set(event.event_id, state);
  }

  mark(event, name, message) {
    const state = this.#rows.get(event.event_id);
    state.dataset.state = name;
    state.textContent = message ? `${STATES[name]}: ${message}` : STATES[name];
  }
}

function heading(event, title) {
  const line = element("p", "event-line");
  const range = `${clock(event.started_at)} – ${clock(event.ended_at)}`;
  line.append(
    element("strong", "title", title),
    element("span", "range", range),
    element("span", "reason", event.end_reason),
  );
  return line;
}

function miniature(event) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "miniature");
  svg.setAttribute("aria-hidden", "true");
  svg.append(bar("played", event.started_at, event.ended_at, event.video_duration));
  return svg;
}

function source(event) {
  const details = element("details", "source");
  const text = element("pre", "json", JSON.stringify(event, null, 2));
  text.tabIndex = 0; // it can scroll, so the keyboard must reach it
  details.append(element("summary", "", "JSON"), text);
  return details;
}
