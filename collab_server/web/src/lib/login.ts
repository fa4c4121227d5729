/** The ways to log in, and what became of a sign-in at the provider. */
import { request } from "./http";
import { language } from "./words";

export interface LoginWays {
  password: boolean;
  /** The OpenID provider: its name, and where signing in begins. */
  oidc: { label: string; url: string } | null;
}

/** Why nobody came in, in the server's word, and what its log has it under. */
export interface Refusal {
  word: string;
  reference: string;
}

export function loadWays(): Promise<LoginWays> {
  return request<LoginWays>("GET", "/v1/login");
}

/** What the way back from the provider says, once: a reload and the next way there say it no more. */
export function takeRefusal(): Refusal | null {
  const asked = new URLSearchParams(location.search);
  const word = asked.get("login");
  if (word === null) return null;
  const reference = asked.get("reference") ?? "";
  const rest = location.search
    .slice(1)
    .split("&")
    .filter((part) => !/^(login|reference)=/.test(part))
    .join("&");
  history.replaceState(history.state, "", location.pathname + (rest && `?${rest}`));
  return { word, reference: /^[0-9a-f]{8}$/.test(reference) ? reference : "" };
}

/** Refusals after which the provider must ask anew who somebody is: it knows them as another. */
const ASK_AGAIN = ["account", "unverified", "denied"];

/** Where signing in begins; it ends at this very page. */
export function signInAddress(url: string, refusal: Refusal | null): string {
  const asked = new URLSearchParams({
    next: location.pathname + location.search,
    lang: language.value,
  });
  if (refusal && ASK_AGAIN.includes(refusal.word)) asked.set("again", "1");
  return `${url}?${asked}`;
}
