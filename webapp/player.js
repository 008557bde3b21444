/** The page: choose a clip, play it, and see each played interval go to the collector. */

import { clock, EventList, Timeline } from "./ledger.js";
import { track } from "./tracker.js";

const find = (id) => document.getElementById(id);
const video = find("video");
const userId = find("user-id");

const events = []; // the played intervals, in the order they closed
const list = new EventList(find("events"));
const timeline = new Timeline(find("timeline"), find("summary"));

const titles = new Map(); // video_id → title
let clip = null; // the chosen entry of videos.json
let tracker = null;

/** The visitor as the tracker names one: an anonymous one is known for as long as this page lives. */
function visitor() {
  const typed = userId.value.trim();
  const known = typed && userId.validity.valid;
  return known ? { userId: Number(typed) } : { userId: undefined, anonymous: "page" };
}

/** Intervals are what this page is about; the player's lifecycle is for whoever asks for details. */
function note(event, state, message) {
  const isInterval = event.type === "video_play";
  if (state === "new") (isInterval ? console.log : console.debug)(JSON.stringify(event, null, 2));
  if (!isInterval) return;
  if (state === "new") show(event);
  else list.mark(event, state, message);
}

/** The clip's length in ms: what the media says, or, before that is known, what the list says. */
function duration() {
  const seconds = Number.isFinite(video.duration) ? video.duration : clip.duration;
  return Math.round(seconds * 1000);
}

function show(event) {
  events.push(event);
  find("empty").hidden = true;
  find("query").hidden = false;
  find("count").textContent = String(events.length);
  list.add(event, titles.get(event.video_id));
  drawClip();
}

function drawClip() {
  timeline.draw(events.filter((event) => event.video_id === clip.id), duration());
  const today = new Date().toISOString().slice(0, 10);
  const where = `dt = '${today}' AND video_id = '${clip.id}'`;
  find("sql").textContent = `playlake query "SELECT * FROM video_play_events WHERE ${where}"`;
}

function drawOpenInterval() {
  const open = tracker.current();
  timeline.follow(open && { start: open.started_at, end: open.ended_at });
  if (!video.paused) requestAnimationFrame(drawOpenInterval);
}

function choose(chosen) {
  // The tracker ends what is being played while `clip` still is the one it was played of.
  tracker?.update({ videoId: chosen.id });
  clip = chosen;
  tracker ??= track(video, { videoId: clip.id, ...visitor(), endpoint: "/events", onEvent: note });
  complain("");
  video.poster = `videos/${clip.poster}`;
  video.src = `videos/${clip.file}`;
  video.setAttribute("aria-label", `${clip.title}, a clip with a time code`);
  find("scale-end").textContent = clock(clip.duration * 1000).slice(0, -4);
  drawClip();
}

function complain(sentence) {
  find("notice").textContent = sentence;
  find("notice").hidden = !sentence;
}

function card(entry, isFirst) {
  const label = document.createElement("label");
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "clip" });
  Object.assign(radio, { value: entry.id, checked: isFirst });
  radio.addEventListener("change", () => choose(entry));
  const picture = Object.assign(document.createElement("img"), { alt: "", width: 640, height: 360 });
  picture.src = `videos/${entry.poster}`;
  const title = Object.assign(document.createElement("span"), { textContent: entry.title });
  const length = Object.assign(document.createElement("small"), { textContent: `${entry.duration} s` });
  titles.set(entry.id, entry.title);
  label.append(radio, picture, title, length);
  return label;
}

async function loadClips() {
  const response = await fetch("videos/videos.json");
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return response.json();
}

async function start() {
  noteVisitor();
  try {
    const entries = await loadClips();
    find("clips").replaceChildren(...entries.map((entry, index) => card(entry, index === 0)));
    choose(entries[0]);
  } catch (error) {
    complain(`The list of clips could not be loaded: ${error.message}. Reload to try again.`);
  }
}

function noteVisitor() {
  const who = visitor();
  const anonymous = userId.value && !userId.validity.valid
    ? "A user id is a whole number. Counted as anonymous."
    : "Counted as an anonymous viewer.";
  find("visitor-note").textContent = "user_id" in who ? `Counted as user ${who.user_id}.` : anonymous;
}

video.addEventListener("play", drawOpenInterval);
video.addEventListener("loadedmetadata", drawClip);
video.addEventListener("error", () => {
  const why = video.error.message || `media error ${video.error.code}`;
  complain(`${clip.title} could not be played: ${why}. Choose another clip, or reload.`);
});
userId.addEventListener("change", () => {
  tracker?.update(visitor());
  noteVisitor();
});
find("visitor").addEventListener("submit", (submitted) => submitted.preventDefault());

const copy = find("copy");
copy.hidden = !navigator.clipboard; // browsers offer it to secure pages only
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(find("sql").textContent);
  copy.textContent = "Copied";
});

start();
