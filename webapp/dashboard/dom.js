/** Elements, made. */

/** An element with properties (`class`, `text`, `data-x` and `aria-x` among them) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** A sentence's words; what stands between backticks in it is code. */
export const spoken = (sentence) =>
  sentence.split("`").map((part, index) => (index % 2 ? make("code", { text: part }) : part));

const OBEYED = /[\p{Cc}\u200b\u2028-\u202e\u2060-\u2069\ufeff]/gu;
/** A client's text for a line with other words: what would turn or hide them is shown instead. */
export const harmless = (text) =>
  text.replace(OBEYED, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

export const find = (id) => document.getElementById(id);

let numbered = 0;
/** An id that nothing else on the page has. */
export const freshId = (stem) => `${stem}-${(numbered += 1)}`;

/** Saves `blob` as a file of that name. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The value of a colour or size that the style sheet names. */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
