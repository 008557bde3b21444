import { guarded } from "./guarded.js";
import { Tracker } from "./playback.js";

/** Measures one video until `stop()`. Never throws. */
export function track(video, options) {
  const tracker = guarded(() => new Tracker(video, options))();
  const call = (name) => guarded((given) => tracker?.[name](given));
  return {
    pause: call("pause"),
    resume: call("resume"),
    update: call("update"),
    stop: call("stop"),
    /** The open interval in ms, `{started_at, ended_at}`, or null. */
    current: call("current"),
  };
}
