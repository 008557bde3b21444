/** Which days the page is about: presets, two dates, and the page's address. */

const DAY = 86_400_000;
const PRESET = "30";

/** The UTC day by this machine's clock. */
export const todayHere = () => new Date().toISOString().slice(0, 10);

/** The days that an address asks for, {since, until}: two dates, or so many days up to `today`. */
export function asked(search, today) {
  const query = new URLSearchParams(search);
  const [since, until] = [query.get("since"), query.get("until")];
  if (isDay(since) && isDay(until) && since <= until) return { since, until };
  const length = /^(1|7|30|90)$/.test(query.get("days")) ? query.get("days") : PRESET;
  return { since: back(today, length - 1), until: today };
}

export class Days {
  /** `today` is the server's UTC day; `changed` is called whenever other days are chosen. */
  constructor(form, today, changed) {
    this.form = form;
    this.today = today;
    this.changed = changed;
    form.since.max = today;
    form.until.max = today;
    form.addEventListener("change", (event) => this.#choose(event.target));
    form.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("popstate", () => this.#restore(changed));
    this.#restore(() => {});
  }

  get since() {
    return this.form.since.value;
  }

  get until() {
    return this.form.until.value;
  }

  /** Every day there is, first to last, as epoch seconds. */
  get all() {
    const [first, last] = [Date.parse(this.since), Date.parse(this.until)];
    return Array.from({ length: (last - first) / DAY + 1 }, (_, n) => (first + n * DAY) / 1000);
  }

  #choose(input) {
    if (input.name === "preset") this.#preset(input.value);
    else this.#custom(input);
    if (!this.since || !this.until) return;
    const preset = this.form.preset.value;
    const query = preset ? `?days=${preset}` : `?since=${this.since}&until=${this.until}`;
    history.pushState(null, "", query);
    this.changed();
  }

  #preset(length) {
    this.form.preset.value = length;
    this.form.until.value = this.today;
    this.form.since.value = back(this.today, length - 1);
  }

  /** Two dates; the one that was not touched follows when they would be the wrong way round. */
  #custom(input) {
    if (this.since > this.until) {
      const other = input.name === "since" ? this.form.until : this.form.since;
      other.value = input.value;
    }
    this.#mark();
  }

  #restore(then) {
    const { since, until } = asked(location.search, this.today);
    this.form.since.value = since;
    this.form.until.value = until;
    this.#mark();
    then();
  }

  #mark() {
    for (const radio of this.form.preset) {
      radio.checked = this.until === this.today && this.since === back(this.today, radio.value - 1);
    }
  }
}

/** The day so many days before. */
export const back = (day, days) => new Date(Date.parse(day) - days * DAY).toISOString().slice(0, 10);

const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(text));
