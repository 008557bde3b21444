/** Who watches, and the ids of everything. */

/** A time-ordered UUID (RFC 9562, version 7): `crypto.randomUUID` is version 4, and for HTTPS only. */
export function uuid7(now = Date.now()) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(now / 2 ** 16));
  view.setUint16(4, now % 2 ** 16);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
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
