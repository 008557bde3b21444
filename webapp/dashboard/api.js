/** What the pages ask of the server. */

/** An answer that is an error; its message is fit to show. */
export class Refused extends Error {}

const NO_API =
  "Nobody answers questions at this address. Serve this page with `playlake dev`, or with `playlake dashboard`.";
const GONE = "The server does not answer. Start it again, and these numbers come.";

/** The JSON at `path`, relative to the site. Throws Refused. */
export async function ask(path, parameters = {}, signal = undefined) {
  const url = address(path, parameters);
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(GONE);
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  throw new Refused(body?.error?.message ?? (response.status === 404 ? NO_API : GONE));
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
