/** What an agent asks of the server from the desk. Each throws Problem. */
import { request } from "./http";
import type { DeskState, Earlier, QueuePause, StandingCall, View } from "./types";

export function sayReady(): Promise<DeskState> {
  return request("POST", "/v1/desk/state", { state: "ready" });
}

export function sayPaused(reason: string): Promise<DeskState> {
  return request("POST", "/v1/desk/state", { state: "paused", reason });
}

/** In the queues of the PBXs, whatever the desk's own state is. */
export function pauseInQueues(paused: boolean, reason = ""): Promise<QueuePause> {
  return request("POST", "/v1/desk/pause", { paused, reason });
}

/** Open a session in a standing call, or one more panel in the session it has. */
export function startSession(call: StandingCall, type: string): Promise<View> {
  const [pbx, id] = [call.pbx, call.id].map(encodeURIComponent);
  return request("POST", `/v1/desk/calls/${pbx}/${id}/session`, { type });
}

export async function earlierSessions(session: string): Promise<Earlier[]> {
  const path = `/v1/desk/history?session=${encodeURIComponent(session)}`;
  return (await request<{ items: Earlier[] }>("GET", path)).items;
}
