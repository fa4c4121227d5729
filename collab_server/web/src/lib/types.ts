/** Shapes of what the server sends, as the contract fixes them. */

export type Role = "user" | "agent";

export type SessionState = "requested" | "queued" | "inviting" | "active" | "suspended" | "ended";

export interface Party {
  uri: string;
  name?: string;
}

export interface Presence {
  connected: boolean;
  /** Since when `connected` has been as it is; null when they were never here. */
  since: string | null;
  joined: boolean;
}

export type InvitationState =
  "none" | "pending" | "sent" | "opened" | "confirm" | "failed" | "unknown" | "joined" | "revoked";

export type WayState =
  | "none"
  | "waiting"
  | "sending"
  | "sent"
  | "opened"
  | "confirm"
  | "joined"
  | "failed"
  | "unknown"
  | "dropped";

/** How one way of reaching somebody stands. */
export interface WayShown {
  way: string;
  state: WayState;
  why: string;
  at: string;
  /** To be confirmed: what who opened the link sees. */
  word?: string | null;
}

export interface Invitation {
  state: InvitationState;
  detail?: string | null;
  ways?: WayShown[];
}

/** What a page that is open is told (message 104). */
export interface Invited {
  kind: "invited";
  session: string;
  type: string;
  agent: Party;
  join_url: string;
}

export interface WrapUp {
  note: string;
  outcome: string;
}

/** A session as one role sees it; a user's view has no call, invitation and wrap_up. */
export interface View {
  id: string;
  state: SessionState;
  reason: string | null;
  type: string;
  initiator: Role;
  user: Party;
  agent: Party | null;
  call?: { pbx: string; id: string } | null;
  queue?: string | null;
  position?: number | null;
  held: boolean;
  created: string;
  since: string;
  ended: string | null;
  presence: Record<Role, Presence>;
  invitation?: Record<Role, Invitation>;
  word: string;
  brand: { name: string };
  panels: string[];
  wrap_up?: WrapUp | null;
}

/** How to open the socket of a session; the token is short-lived. */
export interface SyncAccess {
  url: string;
  room: string;
  token: string;
  expires: string;
}

/** Answer of POST /v1/join and of POST /v1/sessions/{id}/token. */
export interface Joined {
  session: string;
  role: Role;
  type: string;
  sync: SyncAccess;
  csrf?: string;
}

/** Answer of POST /v1/join where the agent has to confirm who this is. */
export interface Held {
  session: string;
  role: Role;
  type: string;
  word: string;
  csrf: string;
}

/** What a join link opens, seen before it is used. */
export interface JoinPreview {
  role: Role;
  type: string;
  word: string;
  brand: { name: string };
  agent: Party | null;
  user?: Party | null;
}

export interface AgentAccount {
  name: string;
  uri: string;
  admin: boolean;
}

export interface Me {
  agent: AgentAccount | null;
  csrf: string;
  brand?: { name: string };
}

export interface DeskLists {
  agent: AgentAccount;
  current: View[];
  waiting: View[];
  recent: View[];
}

export interface Stop {
  stage: string;
  reason: string;
}

export interface CallItem {
  pbx: string;
  id: string;
  aliases: string[];
  state: string;
  type: string | null;
  user_uri: string | null;
  agent_uri: string | null;
  queue: string | null;
  position: number | null;
  held: boolean;
  cause: string | null;
  since: string;
  session: string | null;
  /** Nobody asked for a collaboration, not even wrongly. */
  ordinary: boolean;
  stopped: Stop | null;
  first_seen: string;
  ended: string | null;
}

export interface TraceItem {
  at: string;
  stage: string;
  text: string;
  stopped: boolean;
}

export interface Trace {
  call: CallItem;
  session: string | null;
  stopped: Stop | null;
  items: TraceItem[];
}

export interface Page<T> {
  items: T[];
  next: string | null;
}
