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

/** Log out here and, where the server says so, at the provider: that is another page. */
export async function logOut(): Promise<void> {
  const answer = await request<{ url: string } | null>("POST", "/v1/logout", {});
  if (!answer?.url) return;
  location.assign(answer.url);
  // This page is about to go; nothing of it shall change before.
  await new Promise(() => undefined);
}
