/** Which days the page is about: presets, two dates, and the page's address. */

const DAY = 86_400_000;
const PRESET = "30";
/** No day before it is asked for: a year that is being typed passes through 0002, 0020 and 0202. */
const FIRST = "2000-01-01";
/** Milliseconds without a key after which a typed date is the one that was meant. */
const PAUSE = 800;

/** The UTC day by this machine's clock. */
export const todayHere = () => new Date().toISOString().slice(0, 10);

/** The days that an address asks for, {since, until}: two dates, or so many days up to `today`. */
export function asked(search, today) {
  const query = new URLSearchParams(search);
  const [since, until] = [query.get("since"), query.get("until")];
  const there = isDay(since) && isDay(until) && FIRST <= since && since <= until && until <= today;
  if (there) return { since, until };
  const length = /^(1|7|30|90)$/.test(query.get("days")) ? query.get("days") : PRESET;
  return lastDays(length, today);
}

export class Days {
  /**
   * `today` is the server's UTC day. `changed` is called whenever other days are chosen: `chosen` is
   * then another object, {since, until}. What is being typed is not chosen yet.
   */
  constructor(form, today, changed) {
    Object.assign(this, { form, today, changed });
    this.dates = [form.since, form.until];
    for (const date of this.dates) Object.assign(date, { min: FIRST, max: today });
    form.addEventListener("change", ({ target }) => this.#change(target));
    form.addEventListener("keydown", (event) => this.#key(event));
    form.addEventListener("focusout", (event) => this.#leave(event));
    form.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("popstate", () => this.#restore() && changed());
    this.#restore();
  }

  #change(input) {
    if (input.name === "preset") this.#fill(lastDays(input.value, this.today));
    else this.#follow(input);
    // Some browsers fire `change` at each key that makes a whole date; a date that is picked is meant.
    if (input.name === "preset" || !this.typing) this.#choose();
  }

  #key({ target, key }) {
    if (!this.dates.includes(target)) return;
    this.#stopTyping();
    if (key !== "Enter") this.typing = setTimeout(() => this.#choose(), PAUSE);
    else if (this.form.reportValidity()) this.#choose();
  }

  #leave({ target, relatedTarget }) {
    // Still the active element: the window was left, not the date.
    if (!this.dates.includes(target) || target === document.activeElement) return;
    if (!target.validity.valid) {
      target.value = this.chosen[target.name];
      this.#follow(target);
    }
    if (this.dates.includes(relatedTarget)) return;
    this.#choose();
    this.#fill(this.chosen);
  }

  /**
   * The date that was not touched follows one that would be the wrong way round, and comes back when
   * the next key makes another date.
   */
  #follow(input) {
    const other = input === this.form.since ? this.form.until : this.form.since;
    this.own[input.name] = input.value;
    other.value = this.own[other.name];
    if (input.validity.valid && this.form.since.value > this.form.until.value) other.value = input.value;
    this.#mark();
  }

  #choose() {
    this.#stopTyping();
    if (!this.form.checkValidity() || !this.#take()) return;
    const { since, until } = this.chosen;
    const preset = this.form.preset.value;
    history.pushState(null, "", preset ? `?days=${preset}` : `?since=${since}&until=${until}`);
    this.changed();
  }

  /** Choose what the form has; whether it is something else. */
  #take() {
    const [since, until] = this.dates.map((date) => date.value);
    if (since === this.chosen?.since && until === this.chosen.until) return false;
    this.chosen = { since, until };
    return true;
  }

  /** Choose what the address asks for; whether it is something else. */
  #restore() {
    this.#stopTyping();
    this.#fill(asked(location.search, this.today));
    return this.#take();
  }

  #stopTyping() {
    clearTimeout(this.typing);
    this.typing = undefined;
  }

  #fill({ since, until }) {
    this.own = { since, until };
    this.form.since.value = since;
    this.form.until.value = until;
    this.#mark();
  }

  #mark() {
    const [since, until] = this.dates.map((date) => date.value);
    for (const radio of this.form.preset) {
      const days = lastDays(radio.value, this.today);
      radio.checked = since === days.since && until === days.until;
    }
  }
}

/** Every day there is, first to last, as epoch seconds. */
export function eachDay({ since, until }) {
  const [first, last] = [Date.parse(since), Date.parse(until)];
  return Array.from({ length: (last - first) / DAY + 1 }, (_, n) => (first + n * DAY) / 1000);
}

/** The day so many days before. */
export const back = (day, days) => new Date(Date.parse(day) - days * DAY).toISOString().slice(0, 10);

const lastDays = (length, today) => ({ since: back(today, length - 1), until: today });

/** Date.parse alone takes the 31st of any month. */
const isDay = (text) =>
  /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(text)) && back(text, 0) === text;
