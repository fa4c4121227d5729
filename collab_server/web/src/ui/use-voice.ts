/** What both sides do about a voice call out of a session without a telephone. */
import { useState } from "preact/hooks";
import { asProblem, type Problem, request } from "../lib/http";
import { noTelephone } from "../lib/placed";
import type { Role, View } from "../lib/types";

/** Whether there may be a (further) voice call in this session. */
export function mayCall(view: View): boolean {
  const state = view.placed?.voice?.state;
  return noTelephone(view) && view.state === "active" && state !== "calling";
}

export interface Sending {
  busy: boolean;
  problem: Problem | null;
  /** True when the server took it. */
  send: (method: "POST" | "DELETE", uri?: string | null) => Promise<boolean>;
}

export function useVoice(view: View, role: Role): Sending {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const send = async (method: "POST" | "DELETE", uri?: string | null) => {
    setBusy(true);
    setProblem(null);
    const path = `/v1/sessions/${encodeURIComponent(view.id)}/voice`;
    try {
      if (method === "POST") await request("POST", path, { role, ...(uri ? { uri } : {}) });
      else await request("DELETE", `${path}?role=${role}`);
      return true;
    } catch (error) {
      setProblem(asProblem(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, send };
}
