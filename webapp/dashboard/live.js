/** The live page: each event as it arrives, accepted or rejected, with its reason and payload. */

import { ask } from "./api.js";
import { back, todayHere } from "./days.js";
import { find, harmless, make, spoken } from "./dom.js";
import { clock } from "./format.js";

const MOST = 500; // kept on the page; older ones are in the lake

const counts = { all: 0, accepted: 0, rejected: 0 };
const list = find("events");
let held = null; // what arrived while the page is paused

function say(state, sentence) {
  find("connection").dataset.state = state;
  find("connection").textContent = sentence;
}

function receive(arrival) {
  if (held) {
    held.push(arrival);
    say("paused", `Paused, ${held.length} waiting`);
    return;
  }
  count(arrival);
  find("empty").hidden = true;
  list.prepend(arrival.omitted ? leftOut(arrival) : entry(arrival));
  while (list.childElementCount > MOST) list.lastElementChild.remove();
}

function count({ accepted, omitted }) {
  const events = omitted ?? 1;
  counts.all += events;
  counts[accepted ? "accepted" : "rejected"] += events;
  for (const [name, number] of Object.entries(counts)) find(name).textContent = number.toLocaleString("en");
}

function entry({ accepted, table, dt, event, row }) {
  const fate = accepted ? "accepted" : "rejected";
  return make(
    "li", { class: fate },
    make(
      "details", {},
      make(
        "summary", {},
        make("time", { datetime: isoTime(event.received_at), text: event.received_at.slice(11, 19) }),
        make("span", { class: "fate", text: accepted ? "Accepted" : "Rejected" }),
        make("span", { class: "what", text: accepted ? harmless(nameOf(event, table)) : event.reason }),
        make("span", { class: "about", text: harmless(accepted ? about(event) : event.message) }),
      ),
      make("div", { class: "detail" }, where(table, dt, event), make("pre", {}, make("code", { text: event.payload ?? row }))),
    ),
  );
}

function leftOut({ omitted, accepted, table, dt }) {
  const fate = accepted ? "accepted" : "rejected";
  const text = `${omitted.toLocaleString("en")} more of the same batch, ${fate}, in ${table} dt=${dt}`;
  return make("li", { class: `${fate} left-out`, text });
}

const isoTime = (time) => `${time.replace(" ", "T")}Z`;

function nameOf(event, table) {
  if (event.started_at !== undefined) return "video_play";
  return event.event ?? event.event_name ?? table;
}

function about(event) {
  const span = event.started_at === undefined ? "" : `${clock(event.started_at / 1000)} to ${clock(event.ended_at / 1000)}`;
  const viewer = event.viewer_id ?? event.user_id;
  const device = [event.device_type, event.os_name, event.browser_name].filter(Boolean).join(", ");
  return [event.video_id, span, viewer === undefined ? "" : `by ${viewer}`, device].filter(Boolean).join(" · ");
}

function where(table, dt, event) {
  const pairs = [["Table", `${table} dt=${dt}`], ["Event id", event.event_id]];
  if (event.reason) pairs.push(["Reason", event.reason], ["Message", event.message]);
  return make("dl", {}, ...pairs.flatMap(([term, text]) => [make("dt", { text: term }), make("dd", { text })]));
}

function pause() {
  const button = find("pause");
  const waiting = held;
  held = waiting ? null : [];
  button.setAttribute("aria-pressed", String(Boolean(held)));
  button.textContent = held ? "Go on" : "Pause";
  say(held ? "paused" : "open", held ? "Paused" : "Listening");
  for (const arrival of waiting ?? []) receive(arrival);
}

function clear() {
  list.replaceChildren();
  for (const name of Object.keys(counts)) counts[name] = 0;
  for (const name of Object.keys(counts)) find(name).textContent = "0";
  find("empty").hidden = false;
}

function listen() {
  const source = new EventSource("../api/live");
  source.addEventListener("open", () => !held && say("open", "Listening"));
  source.addEventListener("error", () => say("lost", "The server does not answer; trying again"));
  source.addEventListener("message", (message) => receive(JSON.parse(message.data)));
}

async function start() {
  const example = `{"type": "video_play", "video_id": "dawn", "viewer_id": "me", "started_at": 0, "ended_at": 4000, "logged_at": ${Date.now()}}`;
  find("curl").textContent = `curl ${location.origin}/events -H 'content-type: application/json' \\\n  -d '${example}'`;
  find("pause").addEventListener("click", pause);
  find("clear").addEventListener("click", clear);
  for (const radio of document.getElementsByName("show")) {
    radio.addEventListener("change", () => (list.dataset.show = radio.value));
  }
  try {
    const { live, place, options, today } = await ask("place");
    if (live) {
      find("empty").hidden = list.childElementCount > 0;
      listen();
      return;
    }
    const why = `This server looks at ${place}, where others deliver. Where \`playlake dev\` collects into a folder, this page shows each event as it arrives; of ${place} the command line shows the newest:`;
    elsewhere(why, options, today);
  } catch (error) {
    elsewhere(error.message, "--identifier NAME", todayHere());
  }
}

const ON_AWS =
  "On AWS an event is in the lake about a minute after it was sent: Firehose gathers that long. Athena charges a question for 10 MB at least, $0.00005, so this page does not go on asking by itself.";

function elsewhere(sentence, options, today) {
  const sql = `SELECT received_at, video_id, started_at, ended_at FROM video_play_events WHERE dt >= '${back(today, 1)}' ORDER BY received_at DESC LIMIT 20`;
  find("newest-rejected").textContent = `playlake rejected ${options}`;
  find("newest-plays").textContent = `playlake query "${sql}" ${options}`;
  find("elsewhere-cost").textContent = options.includes("--identifier") ? ON_AWS : "";
  say("lost", "Not live");
  document.querySelector(".controls").hidden = true;
  find("elsewhere-why").replaceChildren(...spoken(sentence));
  find("elsewhere").hidden = false;
}

start();
