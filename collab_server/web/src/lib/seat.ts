/** Which side of a session this window is, and a fresh token for the cookie that is there. */
import { remember } from "./device";
import { request } from "./http";
import { loadMe } from "./me";
import type { Joined, Seat } from "./types";

/** A browser can hold both sides of a session (a trial at one desk); each window keeps its own. */
export const roleKey = (session: string) => `tandem.role.${session}`;

export function freshToken(session: string, role: string | null): Promise<Joined> {
  const path = `/v1/sessions/${encodeURIComponent(session)}/token`;
  return request<Joined>("POST", path, role ? { role } : {});
}

/** Say which side of a session this window is, before it opens. */
export function expectRole(session: string, role: Seat): void {
  remember(roleKey(session), role, "session");
}

/** The way back of a browser whose link is used up already; null when it was not this browser. */
export async function rejoin(session: string): Promise<Joined | null> {
  try {
    await loadMe();
    return await freshToken(session, null);
  } catch {
    return null; // the page then says what a used link means
  }
}
