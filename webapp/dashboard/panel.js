/** A panel: one report, drawn; its table, its SQL, what it scanned; CSV and PNG; and its states. */

import { address, ask, records } from "./api.js";
import { find, freshId, harmless, make, save } from "./dom.js";
import { bytes, usd } from "./format.js";

const ROWS_SHOWN = 200;
const bill = { questions: 0, bytes: 0, usd: 0, charged: false };

export class Panel {
  /**
   * `id` is the section's. `draw(records, body, answer)` shows the answer in `body` and returns,
   * where it is a picture, a function that gives the picture as a canvas; `answer.days` are those it
   * was asked for. `told(records)` is called for each answer, with null where there is none: what
   * else on the page depends on the report follows there, whoever asked.
   */
  constructor(id, { report, draw, parameters = {}, empty = "Nothing in these days.", told = () => {} }) {
    Object.assign(this, { report, draw, parameters, empty, told });
    this.section = find(id);
    this.body = this.section.querySelector(".body");
    this.title = this.section.querySelector("h2").textContent;
    this.#equip();
  }

  /** Ask for the days, and show the answer; resolves to its records, or to null. */
  async load(days) {
    this.wait();
    this.days = days;
    this.asking = new AbortController();
    try {
      const answer = await ask(`reports/${this.report}`, { ...days, ...this.parameters }, this.asking.signal);
      return this.#show({ ...answer, days });
    } catch (error) {
      if (error.name !== "AbortError") this.#fail(error.message, () => this.load(days));
      return null;
    }
  }

  /** Load when the panel comes near to the window. */
  loadWhenNear(days) {
    this.wait();
    this.days = days;
    this.watching = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        this.watching.disconnect();
        this.load(days);
      },
      { rootMargin: "300px" },
    );
    this.watching.observe(this.section);
  }

  /** Show that what is there is no longer what is asked for, and take no answer to earlier questions. */
  wait() {
    this.watching?.disconnect();
    this.asking?.abort();
    this.days = undefined;
    this.section.setAttribute("aria-busy", "true");
    this.section.dataset.state = this.answer ? "again" : "loading";
    this.tools.hidden = false;
    if (!this.answer) this.body.replaceChildren(make("div", { class: "loading" }));
  }

  /** Draw again what is there: colours or the width changed. */
  redraw() {
    if (this.answer?.rows.length) this.image = this.draw(records(this.answer), this.body, this.answer);
  }

  #equip() {
    this.body.setAttribute("aria-live", "off");
    this.table = make("div", { class: "drawer", id: freshId("table"), hidden: true });
    this.source = make("div", { class: "drawer", id: freshId("sql"), hidden: true });
    this.scan = make("span", { class: "scan" });
    this.csv = make("a", { class: "tool", text: "CSV", download: "", "aria-label": `CSV of ${this.title}` });
    this.png = make("button", {
      class: "tool", type: "button", text: "PNG", "aria-label": `PNG of ${this.title}`,
      onclick: () => this.#savePicture(),
    });
    this.tools = make(
      "div", { class: "tools" },
      this.#drawerButton("Table", this.table), this.#drawerButton("SQL", this.source),
      this.csv, this.png, this.scan,
    );
    this.section.append(this.tools, this.table, this.source);
  }

  #drawerButton(name, drawer) {
    const button = make("button", {
      class: "tool", type: "button", text: name, "aria-expanded": "false", "aria-controls": drawer.id,
      "aria-label": `${name} of ${this.title}`,
      onclick: () => {
        drawer.hidden = !drawer.hidden;
        button.setAttribute("aria-expanded", String(!drawer.hidden));
        this.#fillTable();
      },
    });
    return button;
  }

  #show(answer) {
    this.answer = answer;
    this.#settle(answer.rows.length ? "shown" : "empty");
    this.#tell(answer);
    const found = records(answer);
    this.told(found);
    this.image = undefined;
    if (found.length) this.image = this.draw(found, this.body, answer);
    else this.body.replaceChildren(make("p", { class: "state", text: this.empty }));
    this.png.hidden = !this.image;
    this.#fillTable();
    return found;
  }

  #settle(state) {
    this.section.removeAttribute("aria-busy");
    this.section.dataset.state = state;
    this.tools.hidden = state === "failed";
  }

  #fail(message, again) {
    this.answer = undefined;
    this.#settle("failed");
    this.table.hidden = true;
    this.source.hidden = true;
    this.body.replaceChildren(failure(message, again));
    this.told(null);
  }

  #tell({ scanned, sql, days }) {
    const read = `${scanned.partitions_read} of ${scanned.partitions_total} partitions`;
    const charge = `Athena ${scanned.charged ? "charged" : "would charge"} ${usd(scanned.cost_usd)}`;
    this.scan.textContent = `${bytes(scanned.bytes)} · ${usd(scanned.cost_usd)}`;
    this.scan.title = `Scanned ${read}, ${bytes(scanned.bytes)}. ${charge}.`;
    this.csv.href = address(`reports/${this.report}`, { ...days, ...this.#subject(), format: "csv" });
    this.source.replaceChildren(
      make("p", { class: "quiet", text: `${this.scan.title} The same question in Athena's console:` }),
      copyButton(this.title, sql),
      make("pre", { tabindex: "0" }, make("code", { text: sql })),
    );
    addToBill(scanned);
  }

  #subject() {
    const { limit, ...subject } = this.parameters;
    return subject;
  }

  #fillTable() {
    if (this.table.hidden || !this.answer) return;
    const { columns, rows, more } = this.answer;
    const all = rows.length > ROWS_SHOWN || more;
    const note = `The first ${Math.min(rows.length, ROWS_SHOWN)} rows; the CSV has all of them.`;
    this.table.replaceChildren(
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${this.title}, rows` },
        dataTable(this.title, columns, rows.slice(0, ROWS_SHOWN))),
      ...(all ? [make("p", { class: "quiet", text: note })] : []),
    );
  }

  #savePicture() {
    const { since, until } = this.answer.days;
    const canvas = this.image(`${since} to ${until}`);
    canvas.toBlob((blob) => save(blob, `${this.report}_${since}_${until}.png`), "image/png");
  }
}

/** Why there is no answer, and a button that asks again. */
export function failure(message, again) {
  const retry = make("button", { type: "button", text: "Try again", onclick: again });
  return make("div", { class: "state", role: "alert" }, make("p", { text: message }), retry);
}

/** A button that puts the SQL on the clipboard, and says so where it is read and where it is heard. */
function copyButton(title, sql) {
  const word = make("span", { text: "Copy" });
  const say = (text, heard) => {
    word.textContent = text;
    find("status").textContent = heard;
    setTimeout(() => (word.textContent = "Copy"), 3000);
  };
  // Over plain HTTP from another machine a browser has no clipboard for a page.
  const copy = () =>
    (navigator.clipboard?.writeText(sql) ?? Promise.reject()).then(
      () => say("Copied", `Copied the SQL of ${title}.`),
      () => say("Not copied", "The browser does not let this page copy: select the SQL instead."),
    );
  return make("button", { class: "copy", type: "button", onclick: copy }, word, make("span", { class: "unseen", text: ` the SQL of ${title}` }));
}

function dataTable(title, columns, rows) {
  const numeric = columns.map(({ type }) => /^(bigint|integer|double|decimal|real)/.test(type));
  const cell = (tag, value, index) =>
    make(tag, { class: numeric[index] ? "number" : undefined, scope: tag === "th" ? "col" : undefined, text: shown(value) });
  return make(
    "table", {},
    make("caption", { class: "unseen", text: title }),
    make("thead", {}, make("tr", {}, ...columns.map(({ name }, index) => cell("th", name, index)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((value, index) => cell("td", value, index))))),
  );
}

function shown(value) {
  if (value === null) return "–";
  return typeof value === "number" && !Number.isInteger(value) ? String(+value.toPrecision(6)) : harmless(String(value));
}

/** What all the page's questions took so far, in the page's last line. */
export function addToBill(scanned) {
  bill.questions += 1;
  bill.bytes += scanned.bytes;
  bill.usd += scanned.cost_usd;
  const charge = `Athena ${scanned.charged ? "charged" : "would charge"} ${usd(bill.usd)}`;
  const asked = bill.questions === 1 ? "one question" : `${bill.questions} questions`;
  find("bill").textContent = `This page has asked ${asked} and read ${bytes(bill.bytes)}. ${charge}.`;
}
