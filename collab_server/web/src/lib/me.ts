/** Who is looking: an agent who is logged in, or nobody the server knows by name. */
import { rememberCsrf, request } from "./http";
import { noteOutcomes } from "./outcomes";
import type { Me } from "./types";

export async function loadMe(): Promise<Me> {
  const me = await request<Me>("GET", "/v1/me");
  rememberCsrf(me.csrf);
  if (me.agent) noteOutcomes(me.outcomes);
  return me;
}

export async function logIn(username: string, password: string): Promise<Me> {
  const answer = await request<{ csrf?: string } | null>("POST", "/v1/login", {
    username,
    password,
  });
  rememberCsrf(answer?.csrf);
  return loadMe();
}

export async function logOut(): Promise<void> {
  await request("POST", "/v1/logout", {});
}
