/** Hooks that several pages share. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { personName } from "../lib/people";
import type { Problem } from "../lib/http";
import type { Room } from "../lib/room";
import type { View } from "../lib/types";

/** How long 'Wang -> Li' stands after the new agent has come. */
const SHOWN_MS = 20_000;

/** Name of the agent before the present one, while it is news; null otherwise. */
export function usePassedOn(view: View | null): string | null {
  const last = useRef<{ uri: string; name: string } | null>(null);
  const [before, setBefore] = useState<string | null>(null);
  const agent = view?.agent;
  const here = view?.presence.agent.connected ?? false;
  useEffect(() => {
    if (!agent) return;
    if (last.current && last.current.uri !== agent.uri) setBefore(last.current.name);
    last.current = { uri: agent.uri, name: personName(agent) };
  }, [agent?.uri]);
  useEffect(() => {
    if (!before || !here) return;
    const timer = setTimeout(() => setBefore(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [before, here]);
  return before;
}

/** Lines of the other side that came while the page was in the background. */
export function useUnread(room: Room | null): number {
  const [count, setCount] = useState(0);
  const known = useRef(0);
  const theirs = room?.lines.value.filter((line) => line.author.role !== room.role).length ?? 0;
  const synced = room?.socket.synced.value ?? false;
  useEffect(() => {
    const seen = () => {
      if (!document.hidden) setCount(0);
    };
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  }, []);
  // A layout effect: others wait for a frame that a page in the background is not given.
  useLayoutEffect(() => {
    const more = theirs - known.current;
    known.current = theirs;
    if (synced && document.hidden && more > 0) setCount((before) => before + more);
  }, [theirs, synced]);
  return count;
}

const RETRY_MS = 4_000;

/** Try again by itself while the server cannot be reached, and at once when the network is back. */
export function useRetry(problem: Problem | null, again: () => void): void {
  useEffect(() => {
    if (!problem?.unreachable) return;
    const timer = setTimeout(again, Math.max(RETRY_MS, problem.retryAfter * 1000));
    addEventListener("online", again);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", again);
    };
  }, [problem]);
}
