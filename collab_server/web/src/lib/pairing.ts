/** Pairing codes: six digits, written in two groups of three. */
import { Problem, request } from "./http";
import type { Joined } from "./types";

export const DIGITS = 6;

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

/** The digits of what was typed, pasted or filled in: with spaces, dashes or full-width digits. */
export function digitsOf(text: string): string {
  return text.normalize("NFKC").replace(/\D/g, "").slice(0, DIGITS);
}

/** "123 456". */
export function grouped(code: string): string {
  return code.length > 3 ? `${code.slice(0, 3)} ${code.slice(3)}` : code;
}

/** "1 2 3 4 5 6", as a screen reader is to say it. */
export function spelled(code: string): string {
  return [...code].join(" ");
}

export const makeCode = (target: Target) => request<PairingMade>("POST", "/v1/pairings", target);

export const claimCode = (code: string, target: Target) =>
  request<Paired>("POST", `/v1/pairings/${code}/claim`, target);

export const enterBy = (id: string) => request<Paired>("POST", `/v1/pairings/${id}/enter`, {});

const LOOK_MS = 1_000;
/** A code that is keyed in at its last moment is used a little later. */
const LATER_MS = 8_000;

/**
 * Look once a second, and when the page comes back to the front, until the code of this page is
 * used (`bound`) or nobody can use it any more (`over`). Returns what ends the looking.
 */
export function watchCode(made: PairingMade, bound: () => void, over: () => void): () => void {
  const end = performance.now() + made.seconds * 1000 + LATER_MS;
  let timer = 0;
  let stopped = false;
  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", again);
  };
  const look = async () => {
    const late = performance.now() > end;
    try {
      const shown = await request<PairingShown>("GET", `/v1/pairings/${made.id}`);
      if (stopped) return;
      if (shown.state === "bound") return (stop(), bound());
    } catch (error) {
      // Out of reach for a moment: the code may be used meanwhile. No longer known: it is over.
      if (stopped) return;
      if (error instanceof Problem && error.status === 404) return (stop(), over());
    }
    if (late) return (stop(), over());
    timer = window.setTimeout(() => void look(), LOOK_MS);
  };
  const again = () => {
    if (document.hidden || stopped) return;
    clearTimeout(timer);
    void look();
  };
  document.addEventListener("visibilitychange", again);
  timer = window.setTimeout(() => void look(), LOOK_MS);
  return stop;
}
