/** Hooks that several pages share. */
import { useEffect, useRef, useState } from "preact/hooks";
import { personName } from "../lib/people";
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
