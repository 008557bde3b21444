/** Numbers as people read them. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const dayFormat = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", timeZone: "UTC",
});
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const minuteFormat = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC",
});

export const NONE = "–";

export const count = (value) => (value == null ? NONE : whole.format(value));
/** A number in full while it is short. */
export const short = (value) => (value >= 100_000 ? compact.format(value) : count(value));

/** A share of one as a percentage, with as many places as it needs to say anything. */
export function percent(share) {
  if (share == null || Number.isNaN(share)) return NONE;
  const value = share * 100;
  const places = value === 0 || value >= 10 ? 0 : value >= 1 ? 1 : 2;
  return `${value.toFixed(places)}%`;
}

/** Milliseconds as hours, minutes, seconds: the two that matter. */
export function duration(ms) {
  if (ms == null) return NONE;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 100 ? `${hours} h ${minutes % 60} min` : `${whole.format(hours)} h`;
}

/** Milliseconds as one unit, for an axis. */
export function roughly(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${tenths.format(ms / 1000)} s`;
  if (ms < 3_600_000) return `${tenths.format(ms / 60_000)} min`;
  return `${tenths.format(ms / 3_600_000)} h`;
}

/** Seconds into a video as a player shows them. */
export function clock(seconds) {
  const total = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(total / 3600), Math.floor(total / 60) % 60];
  const tail = `${String(total % 60).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [size, unit] = [value, 0];
  for (; size >= 1000 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${unit && size < 100 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

export const usd = (value) => `$${value < 0.01 ? value.toFixed(5) : value.toFixed(2)}`;

/** Epoch seconds, UTC. */
export const day = (seconds) => dayFormat.format(seconds * 1000);
export const dayOfMonth = (seconds) => shortDay.format(seconds * 1000);
export const minute = (seconds) => minuteFormat.format(seconds * 1000);

export const epochOfDay = (dt) => Date.parse(`${dt}T00:00:00Z`) / 1000;
export const epochOfTime = (time) => Date.parse(`${time.replace(" ", "T")}Z`) / 1000;
