/** Opening a session: what a join link brought, or a fresh token for the cookie that is there. */
import { recall, remember } from "./device";
import { rememberCsrf, request } from "./http";
import { loadMe } from "./me";
import { noteOutcomes } from "./outcomes";
import { Room } from "./room";
import { takeOver } from "./routes";
import { freshToken, roleKey } from "./seat";
import type { Joined, Seat } from "./types";

/** Open a session with this browser's cookie. Throws Problem. */
export async function visit(session: string): Promise<Room> {
  let joined = takeOver(session);
  if (!joined) {
    await loadMe(); // brings the token that writes need
    joined = await freshToken(session, recall(roleKey(session), "session"));
  }
  rememberCsrf(joined.csrf);
  if (joined.role === "agent") noteOutcomes(joined.outcomes);
  remember(roleKey(session), joined.role, "session");
  return makeRoom(session, joined.role, joined.role, joined);
}

/** Open a session from the desk; the first token is fetched by the room itself. */
export function deskRoom(session: string, agent: string): Room {
  return makeRoom(session, "agent", agent, null);
}

/** How a supervisor takes part in a session. */
export type Supervision = "read" | "join";

/** Open a session from the floor; `mode` says at each connect how. */
export function superviseRoom(session: string, who: string, mode: () => Supervision): Room {
  const path = `/v1/sessions/${encodeURIComponent(session)}/supervision`;
  const renew = async () => (await request<Joined>("POST", path, { mode: mode() })).sync;
  return new Room({ session, role: "supervisor", who, access: null, renew });
}

function makeRoom(session: string, role: Seat, who: string, joined: Joined | null): Room {
  const renew = async () => (await freshToken(session, role)).sync;
  return new Room({ session, role, who, access: joined?.sync ?? null, renew });
}
