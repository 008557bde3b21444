/** Pictures of charts: what is on screen, with its title and its days, on the page's own ground. */

import { make, token } from "./dom.js";

const SCALE = 2;
const MARGIN = 24;
const HEAD = 64;
const FACE = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif";

/** A canvas with the title, the days, a key where there are several `series`, and `picture` under it. */
export function framed(title, days, picture, series = []) {
  const scale = picture.width / Number.parseFloat(picture.style.width || picture.width);
  const [width, height] = [picture.width / scale, picture.height / scale];
  const { canvas, context } = sheet(width + 2 * MARGIN, height + HEAD + MARGIN, title, days);
  context.drawImage(picture, MARGIN, HEAD, width, height);
  if (series.length > 1) key(context, width + MARGIN, series);
  return canvas;
}

/** A canvas with the title, the days, and a bar for each of {name, share, text}. */
export function barPicture(title, days, bars) {
  const [width, line] = [640, 32];
  const { canvas, context } = sheet(width + 2 * MARGIN, bars.length * line + HEAD + MARGIN, title, days);
  bars.forEach(({ name, share, text }, index) => {
    const top = HEAD + index * line;
    context.fillStyle = token("bar");
    context.beginPath();
    context.roundRect(MARGIN, top, Math.max(4, (width - 120) * share), line - 6, 4);
    context.fill();
    write(context, name, MARGIN + 10, top + 18, token("ink"), `14px ${FACE}`);
    context.textAlign = "right";
    write(context, text, MARGIN + width, top + 18, token("ink"), `14px ${FACE}`);
    context.textAlign = "left";
  });
  return canvas;
}

function sheet(width, height, title, days) {
  const canvas = make("canvas", { width: Math.round(width * SCALE), height: Math.round(height * SCALE) });
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  context.fillStyle = token("surface");
  context.fillRect(0, 0, width, height);
  write(context, title, MARGIN, 30, token("ink"), `600 16px ${FACE}`);
  write(context, `${days}, UTC`, MARGIN, 50, token("quiet"), `13px ${FACE}`);
  return { canvas, context };
}

function key(context, right, series) {
  context.textAlign = "right";
  let at = right;
  for (const { label, color } of [...series].reverse()) {
    write(context, label, at, 50, token("quiet"), `13px ${FACE}`);
    at -= context.measureText(label).width + 16;
    context.fillStyle = token(color);
    context.fillRect(at, 41, 10, 10);
    at -= 18;
  }
  context.textAlign = "left";
}

function write(context, text, x, y, color, font) {
  context.fillStyle = color;
  context.font = font;
  context.fillText(text, x, y);
}
