/** The dashboard: which panels there are, and what each shows. */

import { ask, NOT_ASKED_HERE, records, Refused } from "./api.js";
import { bars } from "./bars.js";
import { Days, todayHere } from "./days.js";
import { find, make, spoken } from "./dom.js";
import {
  count, day, duration, epochOfDay, epochOfTime, minute, NONE, percent, roughly, short,
} from "./format.js";
import { addToBill, Panel } from "./panel.js";
import { plot } from "./plot.js";
import { Curve } from "./retention.js";

let days;
let clips = [];
const curve = new Curve(find("player"));

const sum = (rows, name) => rows.reduce((total, row) => total + (row[name] ?? 0), 0);
const titleOf = (id) => clips.find((clip) => clip.id === id)?.title ?? id;

/* The row of figures: each a number over all the days, most of them a day at a time in the chart. */

const FIGURES = {
  plays: { label: "Plays", text: short, axis: short, full: count },
  viewers: { label: "Viewers", text: short, axis: short, full: count },
  play_time: { label: "Play time", text: duration, axis: roughly, full: duration },
  rebuffering: { label: "Rebuffering", text: percent, axis: percent, full: percent },
  completion: { label: "Completion", text: percent },
};
const totals = {};
const daily = { plays: [], viewers: [], play_time: [], rebuffering: [] };
let shownFigure = "plays";

function showFigures() {
  const buttons = Object.entries(FIGURES).map(([name, { label, text }]) => {
    const value = make("b", { text: text(totals[name]) });
    if (!daily[name]) return make("div", { class: "figure", "data-figure": name }, make("span", { text: label }), value);
    return make(
      "button",
      { class: "figure", type: "button", "data-figure": name, "aria-pressed": String(name === shownFigure), onclick: () => chooseFigure(name) },
      make("span", { text: label }), value,
    );
  });
  const focused = document.activeElement?.dataset.figure;
  find("figures").replaceChildren(...buttons);
  if (focused) find("figures").querySelector(`[data-figure=${focused}]`).focus();
}

function chooseFigure(name) {
  shownFigure = name;
  showFigures();
  trend.redraw();
}

function drawTrend(rows, body) {
  daily.plays = rows.map((row) => [row.dt, row.plays]);
  daily.viewers = rows.map((row) => [row.dt, row.viewers]);
  daily.play_time = rows.map((row) => [row.dt, row.total_play_duration]);
  const { label, axis, full } = FIGURES[shownFigure];
  const byDay = new Map(daily[shownFigure].map(([dt, value]) => [epochOfDay(dt), value]));
  const x = days.all;
  const values = x.map((at) => byDay.get(at) ?? 0);
  const peak = values.indexOf(Math.max(...values));
  const summary = `Day by day; the most on ${day(x[peak])}: ${full(values[peak])}.`;
  const series = [{ label, values, color: "accent", kind: "bars", format: full }];
  return plot(body, x, series, { title: label, summary, height: 240, axis, whole: axis === short, at: day });
}

const trend = new Panel("trend", { report: "daily_plays", draw: drawTrend });

function drawMix(rows, body) {
  const [name] = Object.keys(rows[0]);
  const all = sum(rows, "plays");
  return bars(body, `Plays by ${name.replace("_", " ")}`, rows, {
    columns: [
      { name: { device_type: "Device", os_name: "System", browser_name: "Browser" }[name] ?? name, of: (row) => row[name] ?? "unknown" },
      { name: "Plays", of: (row) => count(row.plays), number: true },
      { name: "Share", of: (row) => percent(row.plays / all), number: true },
    ],
    size: (row) => row.plays,
  });
}

const mix = new Panel("mix", { report: "device_mix", draw: drawMix });

/* Videos: play time, with how much of each was seen. */

let completion = new Map();

function drawVideos(rows, body) {
  const seen = (row) => completion.get(row.video_id);
  return bars(body, "Play time by video", rows, {
    columns: [
      { name: "Video", of: (row) => titleOf(row.video_id) },
      { name: "Play time", of: (row) => duration(row.total_play_duration), number: true },
      { name: "Plays", of: (row) => count(seen(row)?.plays), number: true },
      { name: "Completed", of: (row) => percent(seen(row)?.completion_rate), number: true },
    ],
    size: (row) => row.total_play_duration,
    picked: (row) => {
      chooseVideo(row.video_id);
      find("retention").scrollIntoView({ block: "start" });
      find("video").focus({ preventScroll: true });
    },
  });
}

const videos = new Panel("videos", { report: "play_time_by_video", draw: drawVideos });

/* Retention: one video. */

const retention = new Panel("retention", {
  report: "retention",
  draw: (rows, body) => curve.draw(rows, body),
  empty: "Nobody played this video in these days.",
});

function offerVideos(rows) {
  const asked = new URLSearchParams(location.search).get("video") ?? retention.parameters.video_id;
  const ids = rows.map((row) => row.video_id);
  if (asked && !ids.includes(asked)) ids.unshift(asked);
  find("video").replaceChildren(...ids.map((id) => make("option", { value: id, text: titleOf(id) })));
  find("retention").hidden = !ids.length;
  if (!ids.length) return;
  const playable = ids.find((id) => clips.some((clip) => clip.id === id));
  chooseVideo(asked ?? playable ?? ids[0]);
}

function chooseVideo(id) {
  find("video").value = id;
  const changed = retention.parameters.video_id !== id;
  retention.parameters = { video_id: id };
  if (changed) curve.choose(clips.find((clip) => clip.id === id));
  showSeen();
  retention.loadWhenNear(days);
}

/** How much of the chosen video was seen, in four steps. */
function showSeen() {
  if (!retention.parameters.video_id) return;
  const row = completion.get(retention.parameters.video_id);
  const steps = row?.plays_25 == null ? [] : [25, 50, 75, 95];
  find("seen").replaceChildren(
    make("h3", { text: "Plays that saw at least" }),
    ...(steps.length ? [make("dl", {}, ...steps.flatMap((step) => quartile(step, row)))]
      : [make("p", { class: "quiet", text: "The player does not say how long this video is." })]),
  );
}

function quartile(step, row) {
  const share = row[`plays_${step}`] / row.plays;
  const bar = make("i", { class: "bar" });
  bar.style.width = `${100 * share}%`;
  return [
    make("dt", { text: `${step}%` }),
    make("dd", {}, bar, make("b", { text: percent(share) }), make("span", { class: "quiet", text: count(row[`plays_${step}`]) })),
  ];
}

/* How well it played. */

const concurrent = new Panel("concurrent", {
  report: "concurrent_viewers",
  draw(rows, body) {
    // A minute has no width in a month: the most of each hour is what can be seen of it.
    const step = days.all.length > 2 ? 3600 : 60;
    const [x, values] = mostOfEach(step, rows);
    const peak = rows.reduce((most, row) => (row.viewers > most.viewers ? row : most));
    const summary = `The most at once: ${peak.viewers}, ${minute(epochOfTime(peak.minute))}.`;
    const series = [{ label: "Viewers", values, color: "accent", kind: "area", format: count }];
    return plot(body, x, series, { title: "Concurrent viewers", summary, axis: short, whole: true, at: minute });
  },
});

/** The steps of the days so far, and the most viewers in a minute of each. */
function mostOfEach(step, rows) {
  const most = new Map();
  for (const row of rows) {
    const at = Math.floor(epochOfTime(row.minute) / step) * step;
    most.set(at, Math.max(most.get(at) ?? 0, row.viewers));
  }
  const [first, last] = [days.all[0], Math.min(days.all.at(-1) + 86_400, Date.now() / 1000)];
  const x = Array.from({ length: Math.max(1, Math.ceil((last - first) / step)) }, (_, n) => first + n * step);
  return [x, x.map((at) => most.get(at) ?? 0)];
}

const startup = new Panel("startup", {
  report: "startup_and_rebuffering",
  draw(rows, body) {
    const byDay = new Map(rows.map((row) => [epochOfDay(row.dt), row]));
    const x = days.all;
    const of = (name) => x.map((at) => byDay.get(at)?.[name] ?? null);
    const line = (label, name, color, kind) => ({ label, values: of(name), color, kind, format: (ms) => (ms == null ? NONE : roughly(ms)) });
    const series = [line("Median", "startup_p50", "accent", "area"), line("95th percentile", "startup_p95", "quiet", "line")];
    const summary = "Milliseconds from play to the first frame, day by day: the median and the 95th percentile.";
    return plot(body, x, series, { title: "Startup time", summary, axis: roughly, at: day });
  },
});

const viewers = new Panel("viewers", {
  report: "watch_time_by_user",
  parameters: { limit: 100 },
  draw: (rows, body, { more }) => bars(body, "Watch time by viewer", rows, {
    more,
    columns: [
      { name: "Viewer", of: (row) => row.viewer },
      { name: "Watch time", of: (row) => duration(row.total_watch_duration), number: true },
      { name: "At a stretch", of: (row) => duration(row.avg_continuous_watch), number: true },
    ],
    size: (row) => row.total_watch_duration,
  }),
});

const exits = new Panel("exits", {
  report: "exits_before_start",
  draw: (rows, body) => bars(body, "Exits before start", rows, {
    columns: [
      { name: "Video", of: (row) => titleOf(row.video_id) },
      { name: "Exits", of: (row) => count(row.exits_before_start), number: true },
      { name: "Of plays", of: (row) => percent(row.exit_rate), number: true },
    ],
    size: (row) => row.exits_before_start,
  }),
});

/* Figures that no panel shows: their reports are asked for the row's sake. */

async function figure(report) {
  try {
    const answer = await ask(`reports/${report}`, { since: days.since, until: days.until });
    addToBill(answer.scanned);
    return records(answer);
  } catch {
    return []; // the panel that needs it says why; the figure stays a dash
  }
}

/* All of it, for the days that are chosen. */

let round = 0;

async function load() {
  const mine = (round += 1);
  const current = () => mine === round;
  // Alone, so that the first chart waits for no other's query.
  if (!(await loadTrend(current))) return;
  for (const panel of [concurrent, viewers, exits]) panel.loadWhenNear(days);
  await Promise.all([
    loadViewers(current), loadMix(current), loadVideos(current), loadCompletion(current), loadQuality(current),
  ]);
  if (current()) find("status").textContent = `Numbers of ${days.since} to ${days.until} are shown.`;
}

/** Whether there may be something in the other panels: a play, or no answer. */
async function loadTrend(current) {
  const rows = await trend.load(days);
  if (!current()) return false;
  if (!rows) return true;
  find("nothing").hidden = rows.length > 0;
  find("panels").hidden = rows.length === 0;
  totals.play_time = sum(rows, "total_play_duration");
  showFigures();
  return rows.length > 0;
}

async function loadViewers(current) {
  const found = await figure("unique_viewers");
  if (!current()) return;
  totals.viewers = found.at(-1)?.viewers_so_far;
  showFigures();
}

async function loadMix(current) {
  const rows = await mix.load(days);
  if (!current() || !rows) return;
  totals.plays = sum(rows, "plays"); // a play is of one device; of days it can be of two
  showFigures();
}

async function loadVideos(current) {
  const played = await videos.load(days);
  if (current() && played) offerVideos(played);
}

async function loadCompletion(current) {
  const rows = await figure("completion_by_video");
  if (!current()) return;
  completion = new Map(rows.map((row) => [row.video_id, row]));
  const known = rows.filter((row) => row.plays_95 != null);
  totals.completion = known.length ? sum(known, "plays_95") / sum(known, "plays") : undefined;
  showFigures();
  videos.redraw();
  showSeen();
}

async function loadQuality(current) {
  const rows = await startup.load(days);
  if (!current() || !rows) return;
  daily.rebuffering = rows.map((row) => [row.dt, row.rebuffering_ratio]);
  if (shownFigure === "rebuffering") trend.redraw();
  const stalled = sum(rows, "stall_duration");
  const all = stalled + sum(rows, "play_wall_duration");
  totals.rebuffering = all ? stalled / all : undefined;
  showFigures();
}

function redraw() {
  for (const panel of [trend, mix, videos, retention, concurrent, startup, viewers, exits]) panel.redraw();
}

function watchTheWindow() {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = innerWidth;
  let timer;
  addEventListener("resize", () => {
    clearTimeout(timer);
    if (innerWidth !== width) timer = setTimeout(redraw, 120);
    width = innerWidth;
  });
}

/** Where the pages are served and nobody answers, as on AWS: which command does. */
function showElsewhere(sentence) {
  find("elsewhere-why").replaceChildren(...spoken(sentence));
  find("elsewhere").hidden = false;
  for (const id of ["days", "panels", "bill"]) find(id).hidden = true;
}

async function start() {
  showFigures();
  const [place, listed] = await Promise.all([
    ask("place").catch((error) => error),
    fetch("../videos/videos.json").then((answer) => (answer.ok ? answer.json() : []), () => []),
  ]);
  clips = listed;
  if (place.code === NOT_ASKED_HERE) {
    showElsewhere(place.message);
    return;
  }
  const here = place instanceof Refused ? { today: todayHere() } : place;
  find("place").textContent = here.place ? `What was watched, from ${here.place}` : "";
  days = new Days(find("days"), here.today, load);
  find("video").addEventListener("change", () => chooseVideo(find("video").value));
  find("mix-choice").addEventListener("change", (event) => {
    mix.report = event.target.value;
    mix.load(days);
  });
  watchTheWindow();
  await load();
}

start();
