/** Pairing codes: made, used, and watched until somebody has used them. */
import { Problem, request } from "./http";
import type { Joined } from "./types";

/** A code that is good for so many seconds, and once. */
export interface PairingMade {
  id: string;
  code: string;
  seconds: number;
}

/** What became of a code that this page shows. */
export interface PairingShown {
  id: string;
  state: "open" | "bound" | "over";
}

/** The session a code led to; for this browser with the way into it. */
export type Paired = Joined & { word: string };

/** What a session or a call is named by; {}: this browser. */
export type Target =
  { session: string } | { call: { pbx: string; id: string } } | { type?: string };

export const makeCode = (target: Target) => request<PairingMade>("POST", "/v1/pairings", target);

export const claimCode = (code: string, target: Target) =>
  request<Paired>("POST", `/v1/pairings/${code}/claim`, target);

export const enterBy = (id: string) => request<Paired>("POST", `/v1/pairings/${id}/enter`, {});

/** How often the page looks where its socket is not up, and where it is. */
const LOOK_MS = 1_000;
const SELDOM_MS = 10_000;
/** How long past its time a code is asked after that could not be asked after before. */
const LATER_MS = 8_000;

/**
 * Listen on a socket, and look now and then, until the code of this page is used (`bound`) or nobody
 * can use it any more (`over`). Returns what ends that.
 */
export function watchCode(made: PairingMade, bound: () => void, over: () => void): () => void {
  const end = performance.now() + made.seconds * 1000 + LATER_MS;
  const socket = new WebSocket(
    `${location.origin.replace(/^http/, "ws")}/v1/pairings/${made.id}/live`,
  );
  let timer = 0;
  let looking = false;
  let stopped = false;
  const stop = () => {
    stopped = true;
    socket.close();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", again);
  };
  const finish = (how: () => void) => {
    if (stopped) return;
    stop();
    how();
  };
  /** Whether the code is done with; null: out of reach, and it may be used meanwhile. */
  const ask = async (): Promise<PairingShown["state"] | null> => {
    try {
      return (await request<PairingShown>("GET", `/v1/pairings/${made.id}`)).state;
    } catch (error) {
      return error instanceof Problem && error.status === 404 ? "over" : null;
    }
  };
  const look = async () => {
    const late = performance.now() > end;
    looking = true;
    const state = await ask();
    looking = false;
    if (stopped) return;
    if (state === "bound") finish(bound);
    else if (late || state === "over") finish(over);
    else {
      const wait = socket.readyState === WebSocket.OPEN ? SELDOM_MS : LOOK_MS;
      timer = window.setTimeout(() => void look(), wait);
    }
  };
  const again = () => {
    if (document.hidden || stopped || looking) return;
    clearTimeout(timer);
    void look();
  };
  socket.onmessage = (event) => {
    if (String(event.data).includes('"bound"')) finish(bound);
  };
  socket.onclose = again;
  document.addEventListener("visibilitychange", again);
  timer = window.setTimeout(() => void look(), LOOK_MS);
  return stop;
}
