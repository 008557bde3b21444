/** Who watches, and the ids of everything. */

/** A time-ordered UUID (RFC 9562, version 7): `crypto.randomUUID` is version 4, and for HTTPS only. */
export function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  bytes[0] = 0x70 | (bytes[0] & 0x0f);
  bytes[2] = 0x80 | (bytes[2] & 0x3f);
  const hex = [Date.now(), ...bytes].map((n, i) => n.toString(16).padStart(i ? 2 : 12, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** The visitor's field of an event; nothing when nobody is named and no anonymous id is asked for. */
export function whoIs({ userId, viewerId, anonymous }) {
  if (Number.isSafeInteger(userId)) return { user_id: userId };
  const named = viewerId ?? userId ?? (anonymous && anonymousId(anonymous));
  return named ? { viewer_id: String(named) } : null;
}

let pageViewer;

/** Known as long as this page lives, or, for "browser", as long as the site's storage is kept. */
function anonymousId(scope) {
  pageViewer ??= uuid7();
  if (scope !== "browser") return pageViewer;
  try {
    return (localStorage["playlake-viewer"] ??= pageViewer);
  } catch {
    return pageViewer; // storage is blocked
  }
}
