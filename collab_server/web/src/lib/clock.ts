/** A ticking 'now' for ages and timers, and how times are written. */
import { signal } from "@preact/signals";
import { language } from "./words";

/** How far the server's clock is ahead of this device's, in milliseconds. */
let ahead = 0;

/** Less than this may be the answer's way here: a Date header has whole seconds. */
const NOTABLE_MS = 2_000;

/** Take over the server's clock from an answer's `Date` header: ages are counted from its times. */
export function noteServerTime(header: string | null): void {
  const difference = Date.parse(header ?? "") - Date.now();
  if (Number.isNaN(difference)) return;
  ahead = Math.abs(difference) < NOTABLE_MS ? 0 : difference;
}

/** Milliseconds since the epoch by the server's clock. */
export function serverNow(): number {
  return Date.now() + ahead;
}

/** The server's time, advancing once a second while the page is visible. */
export const now = signal(Date.now());

const tick = () => {
  if (!document.hidden) now.value = serverNow();
};
setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);

/** "0:40", "12:05", "1:02:05"; never negative. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours
    ? `${hours}:${two(minutes)}:${two(seconds % 60)}`
    : `${minutes}:${two(seconds % 60)}`;
}

/** Time from `iso` until now (or until `end`) as a duration; empty without a time. */
export function since(iso: string | null | undefined, end?: string | null): string {
  const start = iso ? Date.parse(iso) : NaN;
  if (Number.isNaN(start)) return "";
  return duration((end ? Date.parse(end) : now.value) - start);
}

/** "14:03" today, "Nov 3, 14:03" on other days, in the page's language. */
export function shortTime(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString(language.value, {
    ...(today ? {} : { month: "short", day: "numeric" }),
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });
}

/** "14:03:27.041" in the browser's zone. */
export function exactTime(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const pad = (value: number, width = 2) => String(value).padStart(width, "0");
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`;
}

/** Distance between two moments: "+12 ms", "+1.4 s", "+2:05". */
export function delta(fromIso: string, toIso: string): string {
  const ms = Date.parse(toIso) - Date.parse(fromIso);
  if (Number.isNaN(ms)) return "";
  const sign = ms < 0 ? "−" : "+";
  const size = Math.abs(ms);
  if (size < 1000) return `${sign}${size} ms`;
  if (size < 60_000) return `${sign}${(size / 1000).toFixed(1)} s`;
  return `${sign}${duration(size)}`;
}
