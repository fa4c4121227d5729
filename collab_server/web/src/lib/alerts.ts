/** Calls an agent's attention without taking the focus: notification and sound (badge.ts: title). */
import { computed, signal } from "@preact/signals";
import { onceInBrowser } from "./once";

/** Beyond this page: notifications show, the browser blocks them, or it has none to show. */
export type Reach = "on" | "blocked" | "page";

const permission = signal<NotificationPermission | "none">(
  "Notification" in window ? Notification.permission : "none",
);

/** What alerts can do beyond this page. */
export const alerting = computed<Reach>(() => {
  if (permission.value === "granted") return "on";
  return permission.value === "denied" ? "blocked" : "page";
});

/** The browser has not been asked yet whether notifications may show. */
export const askable = computed(() => permission.value === "default");

/** The browser plays no sound here before somebody clicks, or presses a key. */
export const silent = signal(true);

let audio: AudioContext | null = null;

/** To be called from the click on Ready: a browser unlocks sound, and asks, for a click only. */
export async function unlockAlerts(): Promise<void> {
  await unlockSound();
  if ("Notification" in window) {
    permission.value =
      Notification.permission === "default"
        ? await Notification.requestPermission()
        : Notification.permission;
  }
}

async function unlockSound(): Promise<void> {
  try {
    if (!audio) {
      audio = new AudioContext();
      audio.onstatechange = () => (silent.value = audio?.state !== "running");
    }
    await audio.resume();
    silent.value = audio.state !== "running";
  } catch {
    audio = null; // a machine without sound still shows alerts
  }
}

/**
 * After a reload the agent is still ready, and the first click or key brings the sound back. Not
 * before the click is done: what the page says of the sound goes, and what stands beside it moves.
 */
export function unlockAtFirstTouch(): () => void {
  const stop = () => {
    removeEventListener("click", touched);
    removeEventListener("keydown", touched);
  };
  const touched = () => {
    stop();
    void unlockSound();
  };
  addEventListener("click", touched);
  addEventListener("keydown", touched);
  return stop;
}

export interface Alert {
  title: string;
  body: string;
  /** One notification per tag; a later one replaces it. */
  tag: string;
  /** False where the telephone already rang. */
  sound: boolean;
  onOpen: () => void;
}

const shown = new Map<string, Notification>();

export function alertAgent(alert: Alert): void {
  if (alert.sound) onceInBrowser(`sound.${alert.tag}`, chime);
  if (permission.value !== "granted") return;
  try {
    const made = new Notification(alert.title, { body: alert.body, tag: alert.tag, silent: true });
    shown.set(alert.tag, made);
    made.onclose = () => {
      if (shown.get(alert.tag) === made) shown.delete(alert.tag);
    };
    made.onclick = () => {
      window.focus();
      made.close();
      alert.onOpen();
    };
  } catch {
    permission.value = "none"; // some phones allow notifications from service workers only
  }
}

/** Take back what has been seen, or is over. */
export function dismiss(tag: string): void {
  shown.get(tag)?.close();
  shown.delete(tag);
}

/** Two soft notes, half a second. */
function chime(): void {
  if (!audio || audio.state !== "running") return;
  const start = audio.currentTime;
  [660, 880].forEach((frequency, index) => {
    if (!audio) return;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const at = start + index * 0.16;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.12, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.3);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.32);
  });
}
