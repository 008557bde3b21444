/**
 * Which intervals of a <video> were really played.
 *
 * A point is `{media, wall}`: the position in the video in seconds and `performance.now()` in ms, read
 * at one instant. The recorder follows the points that playback reaches; an interval is the way from
 * one point to another without a gap. It opens when the position first advances and closes at the last
 * position that was played, which on a seek is not `currentTime`: that is the seek's target already.
 */

/** How far the position may run ahead of the clock, in seconds of video, and still be playback. */
const SLACK = 0.25;

export class IntervalRecorder {
  #video;
  #onInterval;
  #last = null; // the last point reached by playing; null while playback does not run
  #open = null; // how the open interval began: {start, rate, visible}
  #rest = 0; // where the video last stood still, in seconds; NaN once playback has left it
  #watching = false;

  /** `onInterval` is given `{start, end, rate, visible, reason}` each time an interval closes. */
  constructor(video, onInterval) {
    this.#video = video;
    this.#onInterval = onInterval;
    this.#listenToVideo();
    this.#listenToPage();
  }

  /** The interval that is being played, as `{start, end}` points, or null. */
  get current() {
    return this.#open && { start: this.#open.start, end: this.#last };
  }

  /** Ends the open interval, if there is one, at the position played by now. */
  close(reason) {
    this.#follow();
    this.#finish(reason);
  }

  /** Ends the open interval and goes on with a new one from the same point. */
  split(reason) {
    this.close(reason);
    this.#arm();
  }

  #listenToVideo() {
    const on = (name, act) => this.#video.addEventListener(name, act);
    for (const name of ["play", "playing", "seeked"]) on(name, () => this.#arm());
    on("timeupdate", () => this.#follow());
    on("pause", () => this.#stop(this.#reasonOfPause()));
    on("waiting", () => this.#stop("stall"));
    on("error", () => this.#stop("stall"));
    on("ended", () => this.#stop("ended"));
    on("seeking", () => this.#stop("seek"));
    on("emptied", () => this.#unload());
    on("ratechange", () => this.split("rate"));
  }

  #listenToPage() {
    // One interval is visible or hidden throughout, so both ways of changing that end it.
    document.addEventListener("visibilitychange", () => this.split("hide"));
    window.addEventListener("pagehide", () => this.close("hide"));
  }

  /** A pause also comes first when a viewer drags the control's thumb, and when the end is reached. */
  #reasonOfPause() {
    if (this.#video.seeking) return "seek";
    return this.#video.ended ? "ended" : "pause";
  }

  #point() {
    return { media: this.#video.currentTime, wall: performance.now() };
  }

  #stop(reason) {
    this.close(reason);
    this.#rest = this.#video.currentTime;
  }

  #unload() {
    this.#finish("source");
    this.#rest = 0;
  }

  /** Makes ready to follow playback that is about to begin, or that goes on. */
  #arm() {
    const { paused, seeking, ended } = this.#video;
    if (paused || seeking || ended) return;
    this.#last ??= this.#departure();
    this.#watch();
  }

  /** The point where playback left its place of rest: its event comes some milliseconds later. */
  #departure() {
    const { media, wall } = this.#point();
    const moved = media - this.#rest;
    this.#rest = NaN;
    if (!(moved > 0 && moved <= SLACK)) return { media, wall };
    return { media: media - moved, wall: wall - (moved / this.#video.playbackRate) * 1000 };
  }

  /** Follows at each frame, since `timeupdate` comes only four times a second. */
  #watch() {
    if (this.#watching) return;
    this.#watching = true;
    requestAnimationFrame(() => {
      this.#watching = false;
      this.#follow();
      if (this.#last) this.#watch();
    });
  }

  #follow() {
    if (!this.#last || this.#video.seeking) return;
    const point = this.#point();
    if (!this.#isReachable(point)) {
      this.#finish("seek");
      this.#arm();
    } else if (point.media > this.#last.media) {
      this.#open ??= this.#begin();
      this.#last = point;
    } else if (!this.#open) {
      this.#last = point; // ready to play but not advancing yet: this time is not playing time
    }
  }

  /** Whether playing alone can have led from the last point to this one. */
  #isReachable(point) {
    const moved = point.media - this.#last.media;
    const rate = this.#open?.rate ?? this.#video.playbackRate;
    const seconds = (point.wall - this.#last.wall) / 1000;
    return moved >= 0 && moved <= seconds * rate + SLACK;
  }

  #begin() {
    const visible = document.visibilityState === "visible";
    return { start: this.#last, rate: this.#video.playbackRate, visible };
  }

  #finish(reason) {
    const opened = this.#open;
    const end = this.#last;
    this.#open = this.#last = null;
    if (opened) this.#onInterval({ ...opened, end, reason });
  }
}
