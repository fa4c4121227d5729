/** Which page is shown. Moving between pages keeps what has been loaded; nothing is fetched twice. */
import { signal } from "@preact/signals";
import type { Joined } from "./types";

export const path = signal(location.pathname);

addEventListener("popstate", () => {
  path.value = location.pathname;
});

export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  path.value = location.pathname;
  scrollTo(0, 0);
}

let handed: Joined | null = null;

/** Give the session page what the exchange of a join link has brought already. */
export function handOver(joined: Joined): void {
  handed = joined;
}

/** Take it, once; null after a reload. */
export function takeOver(session: string): Joined | null {
  const joined = handed?.session === session ? handed : null;
  handed = null;
  return joined;
}
