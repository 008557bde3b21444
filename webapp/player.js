/** The page: choose a clip, play it, and see each played interval go to the collector. */

import { IntervalRecorder } from "./intervals.js";
import { clock, EventList, Timeline } from "./ledger.js";
import { Outbox } from "./outbox.js";
import { uuid7 } from "./uuid7.js";

const find = (id) => document.getElementById(id);
const video = find("video");
const userId = find("user-id");

const viewerId = uuid7(); // an anonymous visitor is known for as long as this page lives
const events = [];
const list = new EventList(find("events"));
const timeline = new Timeline(find("timeline"), find("summary"));
const outbox = new Outbox("/events", (event, state, message) => list.mark(event, state, message));
const recorder = new IntervalRecorder(video, collect);

let clip = null; // the chosen entry of videos.json
let play = null; // one playing of the clip by one visitor: {play_id, seq, visitor}

function visitor() {
  const typed = userId.value.trim();
  return typed && userId.validity.valid ? { user_id: Number(typed) } : { viewer_id: viewerId };
}

function beginPlay() {
  play = { play_id: uuid7(), seq: 0, visitor: visitor() };
}

function collect(interval) {
  const event = describe(interval);
  if (event.ended_at - event.started_at < 1) return;
  play.seq += 1;
  events.push(event);
  console.log(JSON.stringify(event, null, 2));
  show(event);
  outbox.put(event);
  deliver(interval.reason === "hide");
}

/** A played interval as an event: positions in ms into the video. `sent_at` is added when it is sent. */
function describe({ start, end, rate, visible, reason }) {
  return {
    type: "video_play",
    event_id: uuid7(),
    play_id: play.play_id,
    seq: play.seq,
    video_id: clip.id,
    ...play.visitor,
    started_at: Math.round(start.media * 1000),
    ended_at: Math.round(end.media * 1000),
    wall_ms: Math.round(end.wall - start.wall),
    playback_rate: rate,
    end_reason: reason,
    video_duration: duration(),
    visible,
    logged_at: Date.now(),
  };
}

/** The clip's length in ms: what the media says, or, before that is known, what the list says. */
function duration() {
  const seconds = Number.isFinite(video.duration) ? video.duration : clip.duration;
  return Math.round(seconds * 1000);
}

function deliver(leaving) {
  if (leaving || document.visibilityState === "hidden") outbox.beacon();
  else outbox.send();
}

function show(event) {
  find("empty").hidden = true;
  find("query").hidden = false;
  find("count").textContent = String(events.length);
  list.add(event, clip.title);
  drawClip();
}

function drawClip() {
  timeline.draw(events.filter((event) => event.video_id === clip.id), duration());
  const today = new Date().toISOString().slice(0, 10);
  const where = `dt = '${today}' AND video_id = '${clip.id}'`;
  find("sql").textContent = `playlake query "SELECT * FROM video_play_events WHERE ${where}"`;
}

function drawOpenInterval() {
  const open = recorder.current;
  timeline.follow(open && { start: open.start.media * 1000, end: open.end.media * 1000 });
  if (!video.paused) requestAnimationFrame(drawOpenInterval);
}

function choose(chosen) {
  recorder.close("source");
  clip = chosen;
  beginPlay();
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
video.addEventListener("ended", beginPlay); // playing it again is another play
video.addEventListener("error", () => {
  const why = video.error.message || `media error ${video.error.code}`;
  complain(`${clip.title} could not be played: ${why}. Choose another clip, or reload.`);
});
userId.addEventListener("change", () => {
  recorder.split("source"); // what was played so far belongs to who was there so far
  beginPlay();
  noteVisitor();
});
find("visitor").addEventListener("submit", (submitted) => submitted.preventDefault());
// What could not be sent before goes along when the page is left, with or without an open interval.
document.addEventListener("visibilitychange", () => deliver(false));
window.addEventListener("pagehide", () => deliver(true));

const copy = find("copy");
copy.hidden = !navigator.clipboard; // browsers offer it to secure pages only
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(find("sql").textContent);
  copy.textContent = "Copied";
});

start();
