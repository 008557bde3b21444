/** Charts over time, drawn by uPlot (a global, see ../vendor) in the page's own colours. */

import { make, token } from "./dom.js";
import { dayOfMonth, minute } from "./format.js";
import { framed } from "./image.js";

const FONT = "12px system-ui, sans-serif";
const DAY = 86_400;

/** Steps of an axis: whole numbers; and milliseconds, steps that `roughly` says without rounding. */
const COUNTS = [...Array(9).keys()].flatMap((n) => [1, 2, 2.5, 5].map((step) => step * 10 ** n)).filter(Number.isInteger);
const MINUTE = 60_000;
const TIMES = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, ...[1, 2, 5, 10, 30].flatMap((n) => [n * 1000, n * MINUTE]),
  ...COUNTS.map((n) => n * 60 * MINUTE),
].sort((one, other) => one - other);

/**
 * Draws `series` over `x` (epoch seconds, or any number) into `body`, and gives the picture's maker.
 *
 * Each of `series` is {label, values, color, kind: "bars"|"area"|"line"|"dashes", format}. Of
 * `options`, `title` and `summary` say in words what is shown, `axis` formats the left axis, `whole`
 * says that only whole numbers are on it and `timed` that they are milliseconds, `at` formats an x
 * for the tooltip, and `extend` may add to uPlot's own options.
 */
export function plot(body, x, series, options) {
  const width = Math.max(200, Math.floor(body.clientWidth));
  const tip = make("div", { class: "tip", hidden: true });
  const wrap = make("div", { class: "plot", role: "img", "aria-label": `${options.title}. ${options.summary}` });
  body.replaceChildren(wrap, ...(series.length > 1 ? [legend(series)] : []));
  const setup = {
    width,
    height: options.height ?? 220,
    legend: { show: false },
    padding: [12, 8, 0, 0],
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { size: 8 } },
    scales: { x: { time: false, range: (_, first, last) => around(first, last, x, series) }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
    axes: [timeAxis(x), valueAxis(options)],
    series: [{}, ...series.map((each) => drawn(each, x.length))],
    hooks: { setCursor: [(u) => point(u, tip, x, series, options)] },
  };
  options.extend?.(setup);
  const chart = new uPlot(setup, [x, ...series.map(({ values }) => values)], wrap);
  chart.over.append(tip);
  const picture = (days) => framed(options.title, days, chart.ctx.canvas, series);
  return Object.assign(picture, { chart });
}

/** Bars stand around their x: half a step more on either side holds the outer ones. */
function around(first, last, x, series) {
  const half = series[0].kind === "bars" ? (x.length > 1 ? x[1] - x[0] : DAY) / 2 : 0;
  return [first - half, last + half || 1];
}

function drawn({ label, color, kind, values }, points) {
  const stroke = token(color);
  const shape = { label, stroke, width: 2, points: { show: points === 1 && kind !== "bars" } };
  if (kind === "bars") {
    return { ...shape, width: 0, fill: stroke, paths: uPlot.paths.bars({ size: [0.72, 44], radius: 0.12 }) };
  }
  if (kind === "area") return { ...shape, width: 1.5, fill: `${stroke}26` };
  return { ...shape, width: 1.5, dash: kind === "dashes" ? [4, 4] : undefined, spanGaps: false };
}

function timeAxis(x) {
  const daily = x.length < 2 || x[1] - x[0] >= DAY;
  const span = x.length ? x.at(-1) - x[0] : 0;
  return {
    stroke: () => token("quiet"),
    font: FONT,
    size: 30,
    gap: 8,
    space: 64,
    grid: { show: false },
    ticks: { show: false },
    incrs: daily ? [1, 2, 5, 7, 10, 14, 30, 60, 90, 180].map((n) => n * DAY)
      : [60, 300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 30 * DAY],
    values: (_, ticks) => ticks.map((at) => (daily || span > 2 * DAY ? dayOfMonth(at) : minute(at).split(", ")[1])),
  };
}

function valueAxis({ axis, whole = false, timed = false }) {
  const incrs = timed ? TIMES : whole ? COUNTS : undefined;
  return {
    stroke: () => token("quiet"),
    font: FONT,
    size: (_, texts) => 14 + 7 * Math.max(2, ...(texts ?? []).map((text) => text.length)),
    gap: 8,
    space: 44,
    grid: { stroke: () => token("line"), width: 1 },
    ticks: { show: false },
    ...(incrs ? { incrs } : {}),
    values: (_, ticks) => ticks.map((value) => axis(value)),
  };
}

function point(u, tip, x, series, { at }) {
  const index = u.cursor.idxs?.[1] ?? u.cursor.idx;
  tip.hidden = index == null || u.cursor.left < 0;
  if (tip.hidden) return;
  tip.replaceChildren(
    make("b", { text: at(x[index], index) }),
    ...series.map(({ label, values, format }) => make("span", { text: `${label} ${format(values[index])}` })),
  );
  const left = u.valToPos(x[index], "x");
  const flip = left > u.over.clientWidth / 2;
  tip.style.left = flip ? "auto" : `${left + 12}px`;
  tip.style.right = flip ? `${u.over.clientWidth - left + 12}px` : "auto";
}

function legend(series) {
  return make(
    "ul", { class: "legend" },
    ...series.map(({ label, color, kind }) =>
      make("li", {}, make("i", { class: `key ${color} ${kind}` }), label)),
  );
}
