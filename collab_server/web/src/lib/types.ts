/** Shapes of what the server sends, as the contract fixes them. */

export type Role = "user" | "agent";

/** Who is in a session: one of its two sides, or who supervises. */
export type Seat = Role | "supervisor";

export type SessionState = "requested" | "queued" | "inviting" | "active" | "suspended" | "ended";

export interface Party {
  uri: string;
  name?: string | undefined;
  /** What the call said of the user before a browser was paired with it; the agent's view only. */
  label?: string;
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
  /** The server's own sentence, for traces. */
  why: string;
  /** The same as a code, for which there are words. */
  code?: string;
  at: string;
  /** To be confirmed: what who opened the link sees. */
  word?: string | null;
}

export interface Invitation {
  state: InvitationState;
  code?: string;
  ways?: WayShown[];
}

/** What a page that is open is told (message 104). */
export interface Invited {
  kind: "invited";
  session: string;
  type: string;
  agent: Party | null;
  join_url: string;
}

export interface WrapUp {
  note: string;
  outcome: string;
  /** The agent wants to write no more. */
  done: boolean;
}

/** How the caller's yes stands to the agent who has the session now. */
export interface ConsentShown {
  state: "unasked" | "ahead" | "asked" | "given" | "refused";
  since: string | null;
  /** Whom the last yes was for. */
  before: Party | null;
}

/** A supervisor who is there; `joined`: writes too, else reads along. */
export interface Supervisor extends Party {
  joined: boolean;
}

export interface Whisper {
  n: number;
  at: string;
  by: Party;
  to: Party;
  text: string;
}

/** A session as one role sees it; a user's view has no call, invitation, wrap_up and whispers. */
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
  /** Null: the call has a telephone. */
  placed?: Placed | null;
  wrap_up?: WrapUp | null;
  consent?: ConsentShown;
  supervisors?: Supervisor[];
  /** Number of the last one. */
  whispers?: number;
  /** Address of the caller's record in a CRM; null: there is none. */
  screen_pop?: string | null;
}

/** What is particular to a session whose call has no telephone. */
export interface Placed {
  id: string;
  stage: "line" | "entering" | "stands" | "voice" | "leaving" | "over";
  /** The agent has the phone of it off the hook. */
  phone: boolean;
  /** Why it came to nothing. */
  problem: "refused" | "unknown" | "away" | null;
  voice: VoiceWish | null;
}

export interface VoiceWish {
  state: "asked" | "declined" | "calling" | "connected" | "failed";
  asked_by: Role;
  number: string | null;
  /** Why it came to nothing. */
  code: string;
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
  role: Seat;
  type: string;
  sync: SyncAccess;
  csrf?: string;
  outcomes?: string[];
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
  /** The call has no telephone. */
  placed?: boolean;
  /** When the page will show that a supervisor is there. */
  disclose?: "always" | "joined";
}

export interface AgentAccount {
  name: string;
  /** What callers read; "": the number in the address. */
  display_name?: string;
  uri: string;
  admin: boolean;
  supervisor?: boolean;
  /** Whose agents a supervisor sees; "": all. */
  team?: string;
}

export interface Me {
  agent: AgentAccount | null;
  csrf: string;
  brand?: { name: string };
  outcomes?: string[];
}

/** A call the agent has; without type and session it is an ordinary one. */
export interface StandingCall {
  pbx: string;
  id: string;
  state: SessionState;
  user: Party | null;
  since: string;
  held: boolean;
  queue: string | null;
  type: string | null;
  session: string | null;
}

/** Whether the agent is ready at the desk. */
export interface DeskState {
  state: "ready" | "paused" | "offline";
  reason: string;
  since: string | null;
}

/** What came of a pause on one PBX; `already`: it was as wanted before. */
export interface PbxPause {
  pbx: string;
  wanted: boolean;
  status: "open" | "done" | "failed" | "unknown" | "expired";
  already: boolean;
  member: boolean;
  /** Why it came to nothing. */
  code: string;
  linked: boolean;
}

/** Whether the agent is paused in the queues of the PBXs. */
export interface QueuePause {
  paused: boolean;
  reason: string;
  since: string | null;
  pbxs: PbxPause[];
}

export interface DeskLists {
  agent: AgentAccount;
  current: View[];
  wrap_up: View[];
  waiting: View[];
  recent: View[];
  calls: StandingCall[];
  /** PBX: whether it is reached; calls of one that is not are as last known. */
  pbxs: Record<string, boolean>;
  state: DeskState;
  pause: QueuePause;
}

/** What came of an earlier session of the same caller. */
export interface Earlier {
  id: string;
  type: string;
  state: SessionState;
  reason: string | null;
  created: string;
  ended: string | null;
  agent: Party | null;
  outcome: string;
  note: string;
  same: "address" | "number";
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
