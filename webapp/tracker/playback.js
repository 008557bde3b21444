import { guarded } from "./guarded.js";
import { Outbox } from "./outbox.js";
import { uuid7, whoIs } from "./visitor.js";

const SLACK = 0.25; // s that a position may run ahead of the clock and still be playback
const STILL = 1000; // ms that the clock may run ahead of the position before playing was interrupted
const HEARTBEAT = 10_000; // ms
const DRAFT = 150; // ms between two copies of an open interval: what a killed browser may lose

const ms = (seconds) => Math.max(0, Math.round(seconds * 1000));
const isVisible = () => document.visibilityState === "visible";

/**
 * Which intervals of a <video> were really played, and what its player lived through.
 *
 * A point is `{media, wall, date}`: the position in seconds, `performance.now()` and `Date.now()`, read
 * at one instant. The tracker follows the points that playback reaches; an interval is the way from one
 * to another without a gap. It opens when the position first advances and closes at the last position
 * that was played, which on a seek is not `currentTime`: that is the seek's target already.
 */
export class Tracker {
  #video;
  #options;
  #outbox;
  #ears = new AbortController();
  #paused;
  #visitor; // null while nobody is named
  #play; // one playing of one source by one visitor: {id, seq, asked, intended, started}
  #last = null; // the last point reached by playing; null while playback does not run
  #open = null; // the open interval: {id, start, rate, visible}
  #rest = 0; // where the video last stood still; NaN once playback has left it
  #looked = 0; // Date.now() when playback was last looked at
  #drafted = 0;
  #beat = 0;
  #stalled = null; // the point at which playback stalled
  #sought; // the last position played before the seek under way, undefined when there is no seek
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

  /** Nothing that happens from here on is measured; what was, is sent. */
  pause() {
    this.#close("untracked");
    this.#paused = true;
    this.#play.asked = 0; // the first frame may come unseen
  }

  resume() {
    this.#paused = false;
    this.#start(true);
  }

  /** Another video or visitor: what was played so far belongs to who and what was there so far. */
  update(changes) {
    const another = "videoId" in changes;
    this.#close(another ? "source" : "visitor");
    Object.assign(this.#options, changes);
    this.#begin();
    this.#start(!another); // what runs now may be the source that is about to go
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
    if (this.#paused) return; // before a visitor's id is stored, too
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

  // --- what the video and the page do

  #ask() {
    this.#play.asked = this.#active && performance.now(); // the latest: who paused does not wait
    this.#arm(true);
  }

  /** A pause also comes first when a viewer drags the thumb, and when the end is reached. */
  #halt() {
    if (this.#video.seeking) this.#depart();
    else this.#stand(this.#video.ended ? "ended" : "pause");
  }

  #stand(reason) {
    this.#close(reason);
    this.#rest = this.#video.currentTime;
  }

  #stall() {
    if (this.#video.seeking || !this.#active) return; // waiting for a seek is the seek's
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
    this.#rest = NaN; // the way back to the beginning is no seek
    this.#begin(); // playing it again is another play
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
    this.#play.asked = 0; // a page that comes back does so when it likes
    this.#outbox.leave();
  }

  #return() {
    this.#outbox.return();
    this.#arm();
  }

  // --- intervals

  #point() {
    return { media: this.#video.currentTime, wall: performance.now(), date: Date.now() };
  }

  /** Begins a play, unless nothing has been told of the one there is. */
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
    if (this.#open) this.#finish(reason); // what waits goes on waiting
    this.#arm();
  }

  /** Makes ready to follow playback that is about to begin, or that goes on. `wanted` says that it
   * is what was asked for: if so, the play's intent is told now, not with its first frame. */
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

  /** The point where playback left its place of rest: its event comes some milliseconds later. */
  #departure() {
    const point = this.#point();
    const media = this.#rest;
    const moved = point.media - media;
    this.#rest = NaN;
    if (!(moved > 0 && moved <= SLACK)) return point;
    return { ...point, media, wall: this.#left(media, point) };
  }

  /** When playback was at a position, since when it has run to the point. */
  #left(from, { media, wall }) {
    return wall - ((media - from) / this.#video.playbackRate) * 1000;
  }

  /** Follows at each frame: `timeupdate` comes four times a second, but in hidden pages too. */
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
      this.#last = point; // ready, but not advancing yet: this time is not playing time
    }
  }

  /** Why playing alone cannot have led from the last point to this one; nothing if it can. */
  #break({ media, wall, date }) {
    const moved = media - this.#last.media;
    const rate = this.#open?.rate ?? this.#video.playbackRate;
    if (moved < 0 || moved > ((wall - this.#last.wall) / 1000) * rate + SLACK) return "seek";
    // A computer that sleeps may stop either clock.
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

  /** The last point may be old: a hidden page has no frames in which to see that the video waits. It
   * left that point as long ago as the way from there took. */
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
    const { asked } = this.#play; // unless that was before anything might be measured
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

  // --- events

  #interval(end_reason) {
    const { id, start, rate, visible } = this.#open;
    return this.#event("video_play", {
      event_id: id, // made when the interval opens: its drafts are the same event
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
      // As it will be sent: what JSON cannot hold would keep every event of its batch from going.
      ...guarded(() => JSON.parse(JSON.stringify(this.#options.fields ?? 0)))(),
      type,
      event_id: uuid7(),
      play_id: this.#play.id,
      seq: this.#play.seq[type],
      video_id: this.#options.videoId?.toString(),
      ...this.#visitor,
      playback_rate: playbackRate,
      visible: isVisible(),
      video_duration: duration < Infinity ? ms(duration) : undefined, // it may be NaN
      ...fields,
      logged_at: Date.now(),
    };
  }

  #put(event) {
    this.#play.seq[event.type] += 1;
    this.#outbox.put(event, guarded(this.#options.onEvent ?? (() => {})));
  }
}
