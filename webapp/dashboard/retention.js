/** Which seconds of a video were seen, under the video itself: a click on the curve plays that second. */

import { make, token } from "./dom.js";
import { clock, count, percent } from "./format.js";
import { plot } from "./plot.js";

const HEIGHT = 150;

export class Curve {
  /** `player` is the page's video element, hidden while there is no file for what is shown. */
  constructor(player) {
    this.player = player;
    for (const event of ["timeupdate", "seeking", "loadedmetadata"]) {
      player.addEventListener(event, () => this.#follow());
    }
    player.addEventListener("play", () => this.#run());
  }

  /** Show another clip, one of videos.json; undefined is a video whose file is elsewhere. */
  choose(clip) {
    this.clip = clip;
    this.at = 0;
    this.player.pause();
    this.player.hidden = !clip;
    if (!clip) {
      this.player.removeAttribute("src");
      return;
    }
    this.player.poster = `../videos/${clip.poster}`;
    this.player.src = `../videos/${clip.file}`;
    this.player.setAttribute("aria-label", clip.title);
  }

  /** Draw the seconds of `retention`; gives the picture's maker. */
  draw(rows, body) {
    this.rows = rows;
    // Each second is a step; the last of them ends where the video does.
    const seconds = [...rows.map((row) => row.second), rows.at(-1).second + 1];
    const all = rows.find((row) => row.retention > 0);
    this.plays = all ? Math.round(all.plays / all.retention) : 0;
    const picture = plot(body, seconds, this.#series(), {
      title: "Retention",
      summary: this.#summary(),
      height: HEIGHT,
      axis: percent,
      at: (second, index) => `${clock(second)} · ${count((rows[index] ?? rows.at(-1)).plays)} of ${count(this.plays)} plays`,
      extend: (setup) => this.#fit(setup, seconds),
    });
    this.chart = picture.chart;
    this.#makeSlider(picture.chart.root.parentElement, body);
    this.#follow();
    return picture;
  }

  #series() {
    const rows = [...this.rows, this.rows.at(-1)];
    const of = (name) => rows.map((row) => (this.plays ? row[name] / this.plays : 0));
    return [
      { label: "Saw it", values: of("plays"), color: "accent", kind: "area", format: percent },
      { label: "With rewatches", values: of("views"), color: "quiet", kind: "line", format: percent },
      { label: "Skipped over it", values: of("skips"), color: "live", kind: "dashes", format: percent },
    ];
  }

  /** From edge to edge, as the player above it: no axis beside the curve, the seconds under it. */
  #fit(setup, seconds) {
    const length = Math.max(seconds.at(-1), this.clip?.duration ?? 1);
    setup.padding = [10, 0, 0, 0];
    setup.scales.x.range = () => [0, length];
    setup.axes[0].incrs = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
    setup.axes[0].values = (_, ticks) => ticks.map((at) => (at > length * 0.97 || at === 0 ? "" : clock(at)));
    setup.axes[1].show = false;
    for (const each of setup.series.slice(1)) each.paths = uPlot.paths.stepped({ align: 1 });
    setup.hooks.draw = [(u) => this.#levels(u)];
    setup.cursor.points = { size: 7 };
    // A second holds until the next: what is under the pointer, not what is nearest to it.
    setup.cursor.dataIdx = (_, __, nearest, at) => (nearest == null ? null : Math.min(Math.floor(at), seconds.length - 2));
  }

  #levels(u) {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = token("line");
    ctx.fillStyle = token("quiet");
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    for (const level of [0.5, 1]) {
      const y = Math.round(u.valToPos(level, "y", true)) + 0.5;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.fillText(percent(level), bbox.left + 4 * ratio, y - 4 * ratio);
    }
    ctx.restore();
  }

  /** The curve as a slider: a click or Enter plays, the arrows move by a second, Page keys by ten. */
  #makeSlider(wrap, body) {
    this.head = make("div", { class: "playhead" });
    this.chart.over.append(this.head);
    this.last = this.rows.at(-1).second;
    this.slider = wrap;
    if (!this.clip) return;
    wrap.classList.add("seekable");
    const attributes = { role: "slider", tabindex: 0, "aria-label": "Second of the video; Enter plays it", "aria-valuemin": 0, "aria-valuemax": this.last };
    for (const [name, value] of Object.entries(attributes)) wrap.setAttribute(name, value);
    this.chart.over.addEventListener("click", () => this.#play(this.chart.posToVal(this.chart.cursor.left, "x")));
    wrap.addEventListener("keydown", (event) => this.#key(event));
    body.append(make("p", { class: "quiet", text: "Click the curve to play that second." }));
  }

  #key(event) {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
    if (event.key in steps) this.#seek(Math.floor(this.player.currentTime) + steps[event.key]);
    else if (event.key === "Home") this.#seek(0);
    else if (event.key === "End") this.#seek(this.last);
    else if (event.key === "Enter" || event.key === " ") this.#play(this.player.currentTime);
    else return;
    event.preventDefault();
  }

  #seek(second) {
    this.player.currentTime = Math.min(Math.max(second, 0), this.last);
  }

  #play(second) {
    this.#seek(second);
    this.player.play().catch(() => {}); // a browser that forbids it leaves the player at that second
  }

  #run() {
    this.#follow();
    if (!this.player.paused) requestAnimationFrame(() => this.#run());
  }

  #follow() {
    if (!this.chart || !this.clip) return;
    const second = Math.min(this.player.currentTime, this.last + 1);
    this.head.style.transform = `translateX(${this.chart.valToPos(second, "x")}px)`;
    const row = this.rows[Math.min(Math.floor(second), this.last)];
    this.slider.setAttribute("aria-valuenow", String(Math.floor(second)));
    const seen = row ? `, seen by ${percent(row.retention)}` : "";
    this.slider.setAttribute("aria-valuetext", `${clock(second)}${seen}`);
  }

  #summary() {
    const end = this.rows.at(-1);
    const half = this.rows.find((row) => row.retention < 0.5);
    const where = half ? `half were gone by ${clock(half.second)}` : "more than half stayed";
    return `Of ${count(this.plays)} plays ${where}; ${percent(end.retention)} saw the last second.`;
  }
}
