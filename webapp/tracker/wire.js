/** One request to the collector, and what its answer means. */

const TIMEOUT = 30_000; // ms for an answer

/** As text/plain, which needs no CORS preflight: a page that is going away could not wait for one. */
export function encode(batch) {
  const sent_at = Date.now();
  return JSON.stringify(batch.map(({ event }) => ({ ...event, sent_at })));
}

export async function post(url, body) {
  try {
    const signal = AbortSignal.timeout?.(TIMEOUT);
    const keepalive = new Blob([body]).size <= 65536; // browsers refuse longer ones (Fetch, 4.6)
    return await outcome(await fetch(url, { method: "POST", keepalive, body, signal }));
  } catch {
    return { state: "kept", message: "The server could not be reached." };
  }
}

/** Reads the collector's envelope; a 200 without it came from something else and accepted nothing. */
async function outcome(response) {
  const { status, ok, headers } = response;
  const answer = await response.json().catch(() => null);
  if (ok && answer?.data?.success === true) return { state: "accepted", message: "" };
  const message = answer?.error?.message ?? `The server answered ${status}, unreadably.`;
  const recovers = ok || status === 408 || status === 429 || status >= 500;
  const wait = Math.min(Number(headers.get("retry-after")) || 0, 3600) * 1000;
  return { state: recovers ? "kept" : "refused", message, wait };
}
