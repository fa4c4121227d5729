/** The floor's rows: each agent with what they serve, who waits, and what is out of the ordinary. */
import type { View } from "./types";

/** Paused in the queue of a PBX, as was asked for at the desk. */
export interface FloorPause {
  reason: string;
  since: string;
}

/** Sessions that ended and whose wrap-up is not done. */
export interface FloorWrapUp {
  count: number;
  since: string;
}

export interface Sign {
  kind: string;
  since: string;
  /** Seconds from which on it is out of the ordinary. */
  after: number;
}

export interface FloorSession extends View {
  signs: Sign[];
}

export interface FloorAgent {
  name: string;
  uri: string;
  team: string;
  /** Since when their desk is open; null: it is not. */
  desk: string | null;
  /** They said so at the desk; `reason` says why not, `since` when they said it. */
  ready: boolean;
  reason: string;
  since: string | null;
  pause: FloorPause | null;
  wrap_up: FloorWrapUp | null;
}

/** How an agent without a session stands. */
export type Standing = "away" | "wrapUp" | "ready" | "paused" | "open";

/** What the floor says of an agent without a session, and since when. */
export function standing(agent: FloorAgent): [Standing, string | null] {
  if (!agent.desk) return ["away", null];
  if (agent.wrap_up) return ["wrapUp", agent.wrap_up.since];
  if (agent.ready) return ["ready", agent.since];
  return agent.since ? ["paused", agent.since] : ["open", agent.desk];
}

/** One agent and one of their sessions, or an agent who has none. */
export interface AgentRow {
  key: string;
  name: string;
  uri: string;
  /** Null: the agent has no account here. */
  agent: FloorAgent | null;
  session: FloorSession | null;
}

/** Signs that have come due, the longest first. */
export function due(session: FloorSession, now: number): Sign[] {
  const ends = (sign: Sign) => Date.parse(sign.since) + sign.after * 1000;
  return session.signs.filter((sign) => ends(sign) <= now).sort((a, b) => ends(a) - ends(b));
}

/** Every agent with each session they have, and one row for those who have none. */
export function agentRows(
  agents: readonly FloorAgent[],
  sessions: readonly FloorSession[],
  nameOf: (uri: string) => string,
): AgentRow[] {
  const served = sessions.filter((session) => session.agent);
  const known = new Map(agents.map((agent) => [agent.uri, agent]));
  const busy = new Set(served.map((session) => session.agent?.uri));
  const rows = served.map((session): AgentRow => {
    const uri = session.agent?.uri ?? "";
    const agent = known.get(uri);
    const name = agent?.name ?? nameOf(uri);
    return { key: session.id, name, uri, agent: agent ?? null, session };
  });
  const free = agents.filter((agent) => !busy.has(agent.uri));
  return rows.concat(
    free.map((agent) => ({
      key: agent.uri,
      name: agent.name,
      uri: agent.uri,
      agent,
      session: null,
    })),
  );
}

/** Who waits: sessions that no agent has had yet. */
export function waitingRows(sessions: readonly FloorSession[]): FloorSession[] {
  return sessions.filter((session) => !session.agent);
}

/** When a row became what it shows, milliseconds since the epoch; infinity: nobody knows. */
export function began(row: AgentRow): number {
  const at = row.session ? row.session.created : row.agent && standing(row.agent)[1];
  return at ? Date.parse(at) : Infinity;
}

/** How urgent a session is: the moment its first sign came due; infinity: none has. */
export function urgency(session: FloorSession | null, now: number): number {
  const [first] = session ? due(session, now) : [];
  return first ? Date.parse(first.since) + first.after * 1000 : Infinity;
}

export type Order = "signs" | "name" | "state" | "time" | "type";

/** Rows in order: by urgency, then age, unless a column was chosen. `word` is a row's state. */
export function ordered(
  rows: readonly AgentRow[],
  by: Order,
  descending: boolean,
  now: number,
  word: (row: AgentRow) => string,
): AgentRow[] {
  const compare: Record<Order, (a: AgentRow, b: AgentRow) => number> = {
    signs: (a, b) => less(urgency(a.session, now), urgency(b.session, now)),
    name: (a, b) => a.name.localeCompare(b.name),
    state: (a, b) => word(a).localeCompare(word(b)),
    time: (a, b) => less(began(a), began(b)),
    type: (a, b) => (a.session?.type ?? "~").localeCompare(b.session?.type ?? "~"),
  };
  const served = (row: AgentRow) => (row.session ? 0 : 1);
  return [...rows].sort(
    (a, b) =>
      (descending ? -1 : 1) * compare[by](a, b) ||
      served(a) - served(b) ||
      less(began(a), began(b)) ||
      a.name.localeCompare(b.name),
  );
}

/** Unlike a difference this holds for two infinities. */
function less(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
