// The page of the truth suite: the tracker on some videos, and an oracle that shares nothing with it:
// every frame that the browser says it has shown. Both are told by the console, which outlives the page.
import { track } from "./tracker.js";

const query = new URLSearchParams(location.search);
window.said = [];
const say = (...words) => {
  window.said.push(words);
  console.debug(`truth ${JSON.stringify(words)}`);
};
const clipOf = (video) => /(\w+)\.mp4/.exec(video.currentSrc)?.[1];

function watchFrames(video) {
  const note = (now, { mediaTime }) => {
    say("frame", clipOf(video), mediaTime, performance.timeOrigin + now);
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
}

function show(clip) {
  const video = Object.assign(document.createElement("video"), { muted: true, preload: "auto" });
  document.body.append(video);
  video.src = `videos/${clip}.mp4`;
  watchFrames(video);
  const tracker = track(video, {
    videoId: clip,
    viewerId: query.get("who"),
    endpoint: "/events",
    onEvent: (event, state) => state === "new" && say("event", event.event_id),
  });
  return { video, tracker };
}

const shown = query.get("clips").split(",").map(show);
window.video = shown[0].video;
window.tracker = shown[0].tracker;
window.videos = shown.map(({ video }) => video);
if (query.has("play")) window.video.play();
