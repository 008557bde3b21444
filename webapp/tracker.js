/* playlake's tracker: docs/tracker.md. Made by tracker/make.py of tracker/*.js. */
function guarded(act) {
return (...given) => {
try {
return act(...given);
} catch (error) {
console.warn("playlake tracker:", error);
}
};
}
function uuid7() {
const bytes = crypto.getRandomValues(new Uint8Array(10));
bytes[0] = 0x70 | (bytes[0] & 0x0f);
bytes[2] = 0x80 | (bytes[2] & 0x3f);
const hex = [Date.now(), ...bytes].map((n, i) => n.toString(16).padStart(i ? 2 : 12, "0")).join("");
return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
function whoIs({ userId, viewerId, anonymous }) {
if (Number.isSafeInteger(userId)) return { user_id: userId };
const named = viewerId ?? userId ?? (anonymous && anonymousId(anonymous));
return named ? { viewer_id: String(named) } : null;
}
let pageViewer;
function anonymousId(scope) {
pageViewer ??= uuid7();
if (scope !== "browser") return pageViewer;
try {
return (localStorage["playlake-viewer"] ??= pageViewer);
} catch {
return pageViewer;
}
}
const TIMEOUT = 30_000;
function encode(batch) {
const sent_at = Date.now();
return JSON.stringify(batch.map(({ event }) => ({ ...event, sent_at })));
}
async function post(url, body) {
try {
const signal = AbortSignal.timeout?.(TIMEOUT);
const keepalive = new Blob([body]).size <= 65536;
return await outcome(await fetch(url, { method: "POST", keepalive, body, signal }));
} catch {
return { state: "kept", message: "The server could not be reached." };
}
}
async function outcome(response) {
const { status, ok, headers } = response;
const answer = await response.json().catch(() => null);
if (ok && answer?.data?.success === true) return { state: "accepted", message: "" };
const message = answer?.error?.message ?? `The server answered ${status}, unreadably.`;
const recovers = ok || status === 408 || status === 429 || status >= 500;
const wait = Math.min(Number(headers.get("retry-after")) || 0, 3600) * 1000;
return { state: recovers ? "kept" : "refused", message, wait };
}
const HANGS = 1000;
const pause = (time) => new Promise((done) => setTimeout(done, time));
const patiently = (writing) => Promise.race([writing, pause(HANGS)]);
function openDatabase(name) {
const opened = new Promise((done) => {
const request = indexedDB.open(name, 1);
const keyPath = "event.event_id";
request.onupgradeneeded = () => request.result.createObjectStore("events", { keyPath });
request.onsuccess = () => done(request.result);
request.onerror = () => done(null);
});
return patiently(opened).catch(() => null);
}
const QUEUE = 1000;
const LINGER = 400;
const BODY = 60_000;
const BACKOFF = [1000, 60_000];
const FRESH = 10_000;
class Outbox {
static #all = new Map();
#url;
#page = uuid7();
#ready;
#stored = null;
#pending = new Map();
#dropped = 0;
#failures = 0;
#timer;
#sending = false;
#most = Infinity;
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
put(event, tell) {
if (this.#dropped) event.dropped = this.#dropped;
this.#stored = this.draft(event);
this.#add({ event, tell });
tell(event, "new", "");
if (!this.#timer) this.#later(LINGER);
}
draft(event) {
return this.#write((store) => store.put({ page: this.#page, at: Date.now(), event }));
}
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
leave() {
this.#left = true;
this.#release();
for (let batch; (batch = this.#take()).length; ) {
if (!navigator.sendBeacon?.(this.#url, encode(batch))) return;
this.#mark(batch, "beacon", "");
}
}
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
const oldest = [...this.#pending.values()].find(({ away }) => !away);
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
for (const entry of batch) entry.away = false;
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
async #write(act) {
try {
const database = await this.#ready;
await new Promise((done) => {
const writing = database.transaction("events", "readwrite");
writing.oncomplete = writing.onabort = done;
act(writing.objectStore("events"));
});
} catch {
}
}
async #adopt() {
await this.#hold();
const database = await openDatabase(`playlake ${this.#url}`);
const held = await navigator.locks?.query();
const names = held && new Set(held.held.map((lock) => lock.name));
const lives = ({ page, at }) => (names ? names.has(page) : Date.now() - at < FRESH);
const adopt = (store) => {
store.getAll().onsuccess = ({ target }) => {
const own = this.#pending;
this.#pending = new Map();
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
const SLACK = 0.25;
const STILL = 1000;
const HEARTBEAT = 10_000;
const DRAFT = 150;
const ms = (seconds) => Math.max(0, Math.round(seconds * 1000));
const isVisible = () => document.visibilityState === "visible";
class Tracker {
#video;
#options;
#outbox;
#ears = new AbortController();
#paused;
#visitor;
#play;
#last = null;
#open = null;
#rest = 0;
#looked = 0;
#drafted = 0;
#beat = 0;
#stalled = null;
#sought;
#watching = false;
constructor(video, options) {
this.#video = video;
this.#options = { ...options };
this.#outbox = Outbox.of(options.endpoint ?? "/events");
this.#begin();
this.#rest = video.paused ? video.currentTime : NaN;
this.#listen();
this.#paused = options.paused ?? false;
this.#start(true);
}
pause() {
this.#close("untracked");
this.#paused = true;
this.#play.asked = 0;
}
resume() {
this.#paused = false;
this.#start(true);
}
update(changes) {
const another = "videoId" in changes;
this.#close(another ? "source" : "visitor");
Object.assign(this.#options, changes);
this.#begin();
this.#start(!another);
}
stop() {
this.pause();
this.#ears.abort();
this.#outbox.send();
}
current() {
const { start } = this.#open ?? {};
return start ? { started_at: ms(start.media), ended_at: ms(this.#last.media) } : null;
}
get #active() {
return this.#visitor && !this.#paused;
}
#start(wanted) {
if (this.#paused) return;
this.#visitor = whoIs(this.#options);
if (!this.#visitor) return;
this.#outbox.open();
this.#arm(wanted);
}
#listen() {
const { signal } = this.#ears;
const on = (target, name, act) => target.addEventListener(name, guarded(act), { signal });
const video = (name, act) => on(this.#video, name, act);
video("play", () => this.#ask());
video("playing", () => this.#arm());
video("seeked", () => this.#land());
video("timeupdate", () => this.#follow());
video("pause", () => this.#halt());
video("waiting", () => this.#stall());
video("error", () => this.#fail());
video("ended", () => this.#end());
video("seeking", () => this.#depart());
video("emptied", () => this.#unload());
video("ratechange", () => this.#split("rate"));
on(document, "visibilitychange", () => this.#turn());
on(window, "pagehide", () => this.#leave());
on(window, "pageshow", ({ persisted }) => persisted && this.#return());
}
#ask() {
this.#play.asked = this.#active && performance.now();
this.#arm(true);
}
#halt() {
if (this.#video.seeking) this.#depart();
else this.#stand(this.#video.ended ? "ended" : "pause");
}
#stand(reason) {
this.#close(reason);
this.#rest = this.#video.currentTime;
}
#stall() {
if (this.#video.seeking || !this.#active) return;
this.#stand("stall");
if (this.#play.started) this.#stalled = this.#point();
}
#depart() {
const from = this.#last?.media ?? this.#rest;
const loops = this.#video.loop && this.#video.currentTime < SLACK;
if (loops && this.#open && from > this.#video.duration - SLACK) {
this.#last.media = this.#video.duration;
this.#stand("loop");
} else {
this.#sought ??= from;
this.#stand("seek");
}
}
#land() {
const from = this.#sought;
this.#sought = undefined;
if (from >= 0) this.#tell("seek", { seek_from: ms(from), seek_to: ms(this.#video.currentTime) });
this.#arm();
}
#fail() {
this.#stand("error");
const { code, message } = this.#video.error ?? {};
this.#tell("error", { error_code: String(code), error_message: message });
}
#end() {
this.#stand("ended");
this.#rest = NaN;
this.#begin();
}
#unload() {
this.#finish("source");
this.#rest = 0;
this.#begin();
}
#turn() {
const visible = isVisible();
this.#split(visible ? "show" : "hide");
if (!visible) this.#outbox.send();
}
#leave() {
this.#close("unload");
this.#play.asked = 0;
this.#outbox.leave();
}
#return() {
this.#outbox.return();
this.#arm();
}
#point() {
return { media: this.#video.currentTime, wall: performance.now(), date: Date.now() };
}
#begin() {
this.#sought = undefined;
if (this.#play && !this.#play.seq.video_player) return;
this.#play = { id: uuid7(), seq: { video_play: 0, video_player: 0 } };
}
#close(reason) {
this.#follow();
this.#finish(reason);
}
#split(reason) {
this.#follow();
if (this.#open) this.#finish(reason);
this.#arm();
}
#arm(wanted) {
const { paused, seeking, ended } = this.#video;
if (!this.#active || paused || ended) return;
if (wanted) this.#intend();
if (seeking) return;
this.#last ??= this.#departure();
this.#looked = Date.now();
this.#watch();
}
#intend() {
if (this.#play.intended) return;
this.#play.intended = true;
this.#tell("play_intent");
}
#departure() {
const point = this.#point();
const media = this.#rest;
const moved = point.media - media;
this.#rest = NaN;
if (!(moved > 0 && moved <= SLACK)) return point;
return { ...point, media, wall: this.#left(media, point) };
}
#left(from, { media, wall }) {
return wall - ((media - from) / this.#video.playbackRate) * 1000;
}
#watch() {
if (this.#watching) return;
this.#watching = true;
requestAnimationFrame(() => {
this.#watching = false;
guarded(() => this.#follow())();
if (this.#last) this.#watch();
});
}
#follow() {
if (this.#video.seeking || !this.#last) return;
const point = this.#point();
const broken = this.#break(point);
this.#looked = point.date;
if (broken) {
this.#finish(broken);
this.#arm();
} else if (point.media > this.#last.media) {
this.#advance(point);
} else if (!this.#open) {
this.#last = point;
}
}
#break({ media, wall, date }) {
const moved = media - this.#last.media;
const rate = this.#open?.rate ?? this.#video.playbackRate;
if (moved < 0 || moved > ((wall - this.#last.wall) / 1000) * rate + SLACK) return "seek";
const passed = Math.max(wall - this.#last.wall, date - this.#last.date);
if (!this.#open || passed - (moved / rate) * 1000 < STILL) return "";
return date - this.#looked > STILL ? "sleep" : "stall";
}
#advance(point) {
this.#open ??= this.#openTo(point);
this.#last = point;
if (point.wall - this.#beat >= HEARTBEAT) {
this.#beat = point.wall;
this.#tell("heartbeat");
}
if (point.wall - this.#drafted >= DRAFT) {
this.#drafted = point.wall;
this.#outbox.draft(this.#interval("lost"));
}
}
#openTo(point) {
const { media } = this.#last;
const start = { media, wall: Math.max(this.#last.wall, this.#left(media, point)) };
this.#endStall(start.wall);
if (!this.#play.started) this.#startAt(start);
return { id: uuid7(), start, rate: this.#video.playbackRate, visible: isVisible() };
}
#startAt({ wall }) {
this.#intend();
this.#play.started = true;
this.#beat = wall;
const { asked } = this.#play;
this.#tell("first_frame", asked && { startup_ms: ms((wall - asked) / 1000) });
}
#finish(reason) {
const event = this.#open && this.#interval(reason);
this.#open = this.#last = null;
if (event?.ended_at > event?.started_at) this.#put(event);
this.#endStall(performance.now());
}
#endStall(wall) {
const from = this.#stalled;
this.#stalled = null;
if (from) this.#tell("stall", { stall_ms: ms((wall - from.wall) / 1000), position: ms(from.media) });
}
#interval(end_reason) {
const { id, start, rate, visible } = this.#open;
return this.#event("video_play", {
event_id: id,
started_at: ms(start.media),
ended_at: ms(this.#last.media),
wall_ms: ms((this.#last.wall - start.wall) / 1000),
playback_rate: rate,
end_reason,
visible,
});
}
#tell(event, fields) {
if (!this.#active) return;
const position = ms(this.#last?.media ?? this.#video.currentTime);
this.#put(this.#event("video_player", { event, position, ...fields }));
}
#event(type, fields) {
const { duration, playbackRate } = this.#video;
return {
...guarded(() => JSON.parse(JSON.stringify(this.#options.fields ?? 0)))(),
type,
event_id: uuid7(),
play_id: this.#play.id,
seq: this.#play.seq[type],
video_id: this.#options.videoId?.toString(),
...this.#visitor,
playback_rate: playbackRate,
visible: isVisible(),
video_duration: duration < Infinity ? ms(duration) : undefined,
...fields,
logged_at: Date.now(),
};
}
#put(event) {
this.#play.seq[event.type] += 1;
this.#outbox.put(event, guarded(this.#options.onEvent ?? (() => {})));
}
}
function track(video, options) {
const tracker = guarded(() => new Tracker(video, options))();
const call = (name) => guarded((given) => tracker?.[name](given));
return {
pause: call("pause"),
resume: call("resume"),
update: call("update"),
stop: call("stop"),
current: call("current"),
};
}
export { track, uuid7 };
