// Times in words, on the clock and in the language of their reader.

/** @import { Time } from "./types.d.ts" */

const DAY_S = 86_400;
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/**
 * Return a moment, given in milliseconds, to the second.
 *
 * @param {number} time
 */
export function moment(time) {
  return MOMENT.format(time);
}

/**
 * Return a span of time in words.
 *
 * @param {number} seconds
 */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/**
 * Return how long ago a moment in milliseconds was; from a day on, its date.
 *
 * @param {number} time
 */
export function ago(time) {
  const seconds = (Date.now() - time) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  return seconds < DAY_S ? `${Math.round(seconds / 3600)} h ago` : DAY.format(time);
}

/**
 * Return a moment relative to now; it changes as time passes.
 *
 * @param {Time} time
 * @param {number} skew how far this clock is ahead of the server's, in milliseconds
 */
export function whenText({ at, how }, skew) {
  const seconds = Math.round((Date.now() - skew - at) / 1000);
  if (how === "for") return span(seconds);
  if (how === "until") return untilText(at, -seconds);
  if (seconds < 1) return "now";
  return seconds < DAY_S ? `${span(seconds)} ago` : DAY.format(at);
}

/**
 * @param {number} at
 * @param {number} seconds
 */
function untilText(at, seconds) {
  if (seconds <= 0) return "now";
  return seconds > 2 * DAY_S ? `in ${Math.round(seconds / DAY_S)} days, on ${DAY.format(at)}` : `in ${span(seconds)}`;
}
