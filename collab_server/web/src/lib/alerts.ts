/** Calls an agent's attention without taking the focus: title, badge, notification, sound. */
import { computed, signal } from "@preact/signals";
import { recall, remember } from "./device";

export type Permission = "on" | "blocked" | "page";

const STORE = "tandem.ready";

const permission = signal<NotificationPermission | "none">(
  "Notification" in window ? Notification.permission : "none",
);

/** Whether the agent pressed Ready in this window; kept over a reload where alerts still work. */
export const ready = signal(recall(STORE, "session") === "1" && permission.value === "granted");

/** What alerts can do beyond this page. */
export const alerting = computed<Permission>(() => {
  if (permission.value === "granted") return "on";
  return permission.value === "denied" ? "blocked" : "page";
});

let audio: AudioContext | null = null;

/** To be called from the click on Ready: a browser unlocks sound for a click only. */
export async function becomeReady(): Promise<void> {
  ready.value = true;
  remember(STORE, "1", "session");
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
    audio ??= new AudioContext();
    await audio.resume();
  } catch {
    audio = null; // a machine without sound still shows alerts
  }
}

if (ready.value) {
  addEventListener("pointerdown", () => void unlockSound(), { once: true });
  addEventListener("keydown", () => void unlockSound(), { once: true });
}

export function stopReady(): void {
  ready.value = false;
  remember(STORE, null, "session");
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

export function alertAgent(alert: Alert): void {
  if (!ready.value) return;
  if (alert.sound) chime();
  if (permission.value !== "granted") return;
  try {
    const shown = new Notification(alert.title, { body: alert.body, tag: alert.tag, silent: true });
    shown.onclick = () => {
      window.focus();
      shown.close();
      alert.onOpen();
    };
  } catch {
    permission.value = "none"; // some phones allow notifications from service workers only
  }
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

/** Title with the number of things unseen in front, and the badge of an installed page. */
export function showCount(count: number, title: string): void {
  document.title = count ? `(${count}) ${title}` : title;
  const badge = navigator as Navigator & { setAppBadge?: (count: number) => Promise<void> };
  badge.setAppBadge?.(count).catch(() => undefined);
}
