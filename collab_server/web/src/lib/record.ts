/** The caller's record in a CRM, opened by a click, or by itself where the agent has allowed it. */
import { signal } from "@preact/signals";
import { recall, remember } from "./device";
import { onceInBrowser } from "./once";
import type { View } from "./types";

const STORE = "tandem.record.auto";

/** In this browser; the agent says so on the desk. */
export const byItself = signal(recall(STORE) === "1");

/** The browser held the window back: pop-ups are not allowed for this page. */
export const heldBack = signal(false);

export function allowByItself(allowed: boolean): void {
  byItself.value = allowed;
  heldBack.value = false;
  remember(STORE, allowed ? "1" : null);
}

/** Only web addresses, which the server makes of the administrator's template. */
export function recordOf(view: View): string | null {
  const address = view.screen_pop ?? "";
  return /^https?:\/\//.test(address) ? address : null;
}

/** A session has opened by itself: its caller's record does too. */
export function openRecord(view: View): void {
  const address = recordOf(view);
  if (!address || !byItself.value) return;
  onceInBrowser(`record.${view.id}`, () => {
    const shown = window.open(address, "_blank");
    if (shown) shown.opener = null; // with `noopener` nobody could tell whether it was held back
    heldBack.value = shown === null;
  });
}
