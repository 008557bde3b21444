/** Bars in a table: what a list of names and numbers is, and reads as one. */

import { make } from "./dom.js";
import { barPicture } from "./image.js";

const SHOWN = 10;
const MOST = 5000; // more rows keep a browser busy for seconds; the CSV has them

/**
 * Shows `rows` as a table whose first column is a bar, and gives the picture's maker.
 *
 * `columns` are {name, of: row => text, number}; the first names the row, `size(row)` is its bar's
 * length against the longest, and `picked(row)`, when given, makes its name a button. `more` is
 * whether there are rows that were not sent.
 */
export function bars(body, title, rows, { columns, size, picked, more: unsent = false }) {
  const most = rows.reduce((so, row) => Math.max(so, size(row)), Number.MIN_VALUE);
  const table = make("table", { class: "bars" }, make("caption", { class: "unseen", text: title }), head(columns));
  const listed = rows.slice(0, MOST);
  const which = unsent || rows.length > MOST ? "The first" : "All";
  const more = make("button", { class: "more", type: "button", text: `${which} ${listed.length}` });
  const fill = (shown) =>
    make("tbody", {}, ...shown.map((row) => line(row, columns, size(row) / most, picked)));
  table.append(fill(rows.slice(0, SHOWN)));
  more.addEventListener("click", () => {
    table.tBodies[0].replaceWith(fill(listed));
    more.remove();
  });
  body.replaceChildren(table, ...(rows.length > SHOWN ? [more] : []));
  const [name, value] = columns;
  return (days) =>
    barPicture(title, days, rows.slice(0, SHOWN).map((row) => (
      { name: name.of(row), share: size(row) / most, text: value.of(row) })));
}

function head(columns) {
  const cells = columns.map(({ name, number }) =>
    make("th", { scope: "col", class: number ? "number" : undefined, text: name }));
  return make("thead", {}, make("tr", {}, ...cells));
}

function line(row, columns, share, picked) {
  const [first, ...others] = columns;
  const name = first.of(row);
  const label = picked
    ? make("button", { class: "name", type: "button", text: name, title: name, onclick: () => picked(row) })
    : make("span", { class: "name", text: name, title: name });
  const bar = make("i", { class: "bar" });
  bar.style.width = `${(100 * share).toFixed(2)}%`;
  return make(
    "tr", {},
    make("th", { scope: "row" }, make("div", { class: "cell" }, bar, label)),
    ...others.map(({ of, name: column }) => make("td", { class: "number", "data-column": column, text: of(row) })),
  );
}
