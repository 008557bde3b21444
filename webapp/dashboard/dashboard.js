/** The dashboard: which panels there are, and what each shows. */

import { ask, NOT_ASKED_HERE, records, Refused } from "./api.js";
import { bars } from "./bars.js";
import { Days, eachDay, todayHere } from "./days.js";
import { find, harmless, make, spoken } from "./dom.js";
import {
  count, day, duration, epochOfDay, epochOfTime, minute, NONE, percent, roughly, short,
} from "./format.js";
import { addToBill, failure, Panel } from "./panel.js";
import { plot } from "./plot.js";
import { Curve } from "./retention.js";

let days;
let clips = [];
const curve = new Curve(find("player"));

const sum = (rows, name) => rows.reduce((total, row) => total + (row[name] ?? 0), 0);
const titleOf = (id) => clips.find((clip) => clip.id === id)?.title ?? harmless(id);

/*
 * The row of figures: each a number over all the days; those with a `daily` column are shown a day at
 * a time in the chart. What is not known of the chosen days is not there, and shown as a dash.
 */

const FIGURES = {
  plays: { label: "Plays", text: short, daily: "plays", axis: short, full: count },
  viewers: { label: "Viewers", text: short, daily: "viewers", axis: short, full: count },
  play_time: { label: "Play time", text: duration, daily: "total_play_duration", axis: roughly, full: duration },
  rebuffering: { label: "Rebuffering", text: percent, daily: "rebuffering_ratio", axis: percent, full: percent },
  completion: { label: "Completion", text: percent },
};
let totals = {};
let quality; // rows of startup_and_rebuffering
let shownFigure = "plays";

function total(name, value) {
  totals[name] = value;
  showFigures();
}

function showFigures() {
  const buttons = Object.entries(FIGURES).map(([name, { label, text, daily }]) => {
    const value = make("b", { text: text(totals[name]) });
    if (!daily) return make("div", { class: "figure", "data-figure": name }, make("span", { text: label }), value);
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

function drawTrend(rows, body, answer) {
  const { label, daily, axis, full } = FIGURES[shownFigure];
  const known = shownFigure === "rebuffering" ? quality : rows;
  const byDay = new Map(known?.map((row) => [epochOfDay(row.dt), row[daily]]));
  const x = eachDay(answer.days);
  // Of a day without a row a count is zero, and a share is not known.
  const none = known && axis !== percent ? 0 : null;
  const values = x.map((at) => byDay.get(at) ?? none);
  const peak = values.reduce((most, value, index) => ((value ?? -1) > (values[most] ?? -1) ? index : most), 0);
  const summary = known ? `Day by day; the most on ${day(x[peak])}: ${full(values[peak])}.` : "Not known.";
  const series = [{ label, values, color: "accent", kind: "bars", format: full }];
  return plot(body, x, series, { title: label, summary, height: 240, axis, whole: axis === short, timed: axis === roughly, at: day });
}

/** Without an answer there may be something in the other panels. */
function tellTrend(rows) {
  const nothing = rows?.length === 0;
  find("nothing").hidden = !nothing;
  find("panels").hidden = nothing;
  if (rows) total("play_time", sum(rows, "total_play_duration"));
}

const trend = new Panel("trend", { report: "daily_plays", draw: drawTrend, told: tellTrend });

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

const mix = new Panel("mix", {
  report: "device_mix",
  draw: drawMix,
  told: (rows) => rows && total("plays", sum(rows, "plays")), // a play is of one device; of days it can be of two
});

/* Videos: play time, with how much of each was seen. */

/** {days, videos: the report's rows by video}, {why, again} when it failed, empty while it is asked for. */
let completion = {};

function drawVideos(rows, body, answer) {
  // While new days are on their way, the videos can still be those of other days.
  const seen = (row) => (completion.days === answer.days ? completion.videos.get(row.video_id) : undefined);
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

const videos = new Panel("videos", {
  report: "play_time_by_video",
  draw: drawVideos,
  told: (rows) => offerVideos(rows ?? []),
});

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
  find("video").replaceChildren();
  for (const id of ids) find("video").append(make("option", { value: id, text: titleOf(id) }));
  find("retention").hidden = !ids.length;
  if (!ids.length) return;
  const playable = ids.find((id) => clips.some((clip) => clip.id === id));
  chooseVideo(asked ?? playable ?? ids[0]);
}

function chooseVideo(id) {
  find("video").value = id;
  const changed = retention.parameters.video_id !== id;
  if (!changed && retention.days === days.chosen) return; // asked for already
  retention.parameters = { video_id: id };
  if (changed) curve.choose(clips.find((clip) => clip.id === id));
  showSeen();
  retention.loadWhenNear(days.chosen);
}

/** How much of the chosen video was seen, in four steps. */
function showSeen() {
  find("seen").replaceChildren(make("h3", { text: "Plays that saw at least" }), seen(retention.parameters.video_id));
}

function seen(id) {
  const { why, again, videos: known } = completion;
  if (why) return failure(why, again);
  if (!known) return make("div", { class: "loading" });
  const row = known.get(id);
  if (!row) return make("p", { class: "quiet", text: NONE });
  if (row.plays_25 == null) return make("p", { class: "quiet", text: "The player does not say how long this video is." });
  return make("dl", {}, ...[25, 50, 75, 95].flatMap((step) => quartile(step, row)));
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
  draw(rows, body, answer) {
    const shown = eachDay(answer.days);
    // A minute has no width in a month: the most of each hour is what can be seen of it.
    const step = shown.length > 2 ? 3600 : 60;
    const [x, values] = mostOfEach(step, rows, shown);
    const peak = rows.reduce((most, row) => (row.viewers > most.viewers ? row : most));
    const summary = `The most at once: ${peak.viewers}, ${minute(epochOfTime(peak.minute))}.`;
    const series = [{ label: "Viewers", values, color: "accent", kind: "area", format: count }];
    return plot(body, x, series, { title: "Concurrent viewers", summary, axis: short, whole: true, at: minute });
  },
});

/** The steps of the days so far, and the most viewers in a minute of each. */
function mostOfEach(step, rows, shown) {
  const most = new Map();
  for (const row of rows) {
    const at = Math.floor(epochOfTime(row.minute) / step) * step;
    most.set(at, Math.max(most.get(at) ?? 0, row.viewers));
  }
  const [first, last] = [shown[0], Math.min(shown.at(-1) + 86_400, Date.now() / 1000)];
  const x = Array.from({ length: Math.max(1, Math.ceil((last - first) / step)) }, (_, n) => first + n * step);
  return [x, x.map((at) => most.get(at) ?? 0)];
}

/** Rebuffering is a figure, and a chart of the first panel. */
function tellQuality(rows) {
  if (!rows) return;
  quality = rows;
  if (shownFigure === "rebuffering") trend.redraw();
  const stalled = sum(rows, "stall_duration");
  const all = stalled + sum(rows, "play_wall_duration");
  total("rebuffering", all ? stalled / all : undefined);
}

const startup = new Panel("startup", {
  report: "startup_and_rebuffering",
  told: tellQuality,
  draw(rows, body, answer) {
    const byDay = new Map(rows.map((row) => [epochOfDay(row.dt), row]));
    const x = eachDay(answer.days);
    const of = (name) => x.map((at) => byDay.get(at)?.[name] ?? null);
    const line = (label, name, color, kind) => ({ label, values: of(name), color, kind, format: (ms) => (ms == null ? NONE : roughly(ms)) });
    const series = [line("Median", "startup_p50", "accent", "area"), line("95th percentile", "startup_p95", "quiet", "line")];
    const summary = "Milliseconds from play to the first frame, day by day: the median and the 95th percentile.";
    return plot(body, x, series, { title: "Startup time", summary, axis: roughly, timed: true, at: day });
  },
});

const viewers = new Panel("viewers", {
  report: "watch_time_by_user",
  parameters: { limit: 100 },
  draw: (rows, body, { more }) => bars(body, "Watch time by viewer", rows, {
    more,
    columns: [
      { name: "Viewer", of: (row) => harmless(row.viewer) },
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

const PANELS = [trend, mix, videos, retention, concurrent, startup, viewers, exits];

/* Figures that no panel shows: their reports are asked for the row's sake. */

/** Calls `told` with the report's rows, or `failed` with the reason, if those days are chosen still. */
async function figure(report, chosen, told, failed) {
  const answer = await ask(`reports/${report}`, chosen).catch((error) => error);
  if (!(answer instanceof Error)) addToBill(answer.scanned);
  if (chosen !== days.chosen) return;
  if (answer instanceof Error) failed(answer.message);
  else told(records(answer));
}

function loadViewers(chosen) {
  find("no-viewers").replaceChildren();
  const told = (rows) => total("viewers", rows.at(-1)?.viewers_so_far);
  const failed = (why) => find("no-viewers").replaceChildren(failure(`Viewers: ${why}`, () => loadViewers(chosen)));
  return figure("unique_viewers", chosen, told, failed);
}

function loadCompletion(chosen) {
  const show = (found) => {
    completion = found;
    showSeen();
  };
  const told = (rows) => {
    const known = rows.filter((row) => row.plays_95 != null);
    total("completion", known.length ? sum(known, "plays_95") / sum(known, "plays") : undefined);
    show({ days: chosen, videos: new Map(rows.map((row) => [row.video_id, row])) });
    videos.redraw();
  };
  show({});
  return figure("completion_by_video", chosen, told, (why) => show({ why, again: () => loadCompletion(chosen) }));
}

/* All of it, for the days that are chosen. */

async function load() {
  const { chosen } = days;
  forget();
  // Alone, so that the first chart waits for no other's query.
  const rows = await trend.load(chosen);
  if (chosen !== days.chosen || rows?.length === 0) return;
  for (const panel of [concurrent, viewers, exits]) panel.loadWhenNear(chosen);
  await Promise.all([
    loadViewers(chosen), mix.load(chosen), videos.load(chosen), loadCompletion(chosen), startup.load(chosen),
  ]);
  const failed = find("panels").querySelector("[role=alert]"); // and says so itself
  if (chosen === days.chosen && !failed) find("status").textContent = `Numbers of ${chosen.since} to ${chosen.until} are shown.`;
}

/** Other days are chosen: nothing is known of them yet. */
function forget() {
  totals = {};
  quality = undefined;
  completion = {};
  find("status").textContent = "";
  find("no-viewers").replaceChildren();
  find("nothing").hidden = true;
  find("panels").hidden = false;
  for (const panel of PANELS) panel.wait();
  showFigures();
  showSeen();
}

function redraw() {
  for (const panel of PANELS) panel.redraw();
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
    if (mix.days) mix.load(days.chosen); // else it waits for its turn
  });
  watchTheWindow();
  await load();
}

start();
