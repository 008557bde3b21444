/** What the pages ask of the server. */

/** An answer that is an error; its message is fit to show, its `code` tells it from others. */
export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

const NO_API =
  "Nobody answers questions at this address. Serve this page with `playlake dev`, or with `playlake dashboard`.";
/** The code of a Refused where the page is served without anybody who answers. */
export const NOT_ASKED_HERE = "not_asked_here";
const GONE = "The server does not answer. Start it again, and these numbers come.";

/** Questions that were begun before anybody needed the answer, by their addresses. */
const begun = new Map();
/** The addresses `ask` was called for: too late to begin them. */
const asked = new Set();

/** Ask now what `ask` will be called for in a moment, or nothing where it was called already. */
export function begin(path, parameters = {}) {
  const url = address(path, parameters);
  if (asked.has(url)) return;
  const answer = fetch(url);
  answer.catch(() => {}); // who asks for it is told
  begun.set(url, answer);
}

/** The JSON at `path`, relative to the site. Throws Refused. */
export async function ask(path, parameters = {}, signal = undefined) {
  const url = address(path, parameters);
  let response;
  try {
    response = await (taken(url) ?? fetch(url, { signal }));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(GONE);
  }
  const body = await response.json().catch(() => null);
  signal?.throwIfAborted(); // a question that was begun early heeds no signal of its own
  if (response.ok && body !== null) return body;
  if (body?.error) throw new Refused(body.error.message, body.error.code);
  throw response.status === 404 ? new Refused(NO_API, NOT_ASKED_HERE) : new Refused(GONE);
}

/** The answer that is under way, for the first who asks: the next wants a new one. */
function taken(url) {
  asked.add(url);
  const answer = begun.get(url);
  begun.delete(url);
  return answer;
}

/** Where `path` is asked with those parameters; the empty ones are left out. */
export function address(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  const query = new URLSearchParams(given).toString();
  return `../api/${path}${query ? `?${query}` : ""}`;
}

/** The answer's rows as objects. */
export function records({ columns, rows }) {
  const names = columns.map((column) => column.name);
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
}
