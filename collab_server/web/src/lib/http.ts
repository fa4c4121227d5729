/** Requests to the server: JSON both ways, problem documents (RFC 9457) as errors. */

import { noteServerTime } from "./clock";

const TIMEOUT_MS = 15_000;

/** What went wrong, in the server's words where it had any. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    /** HTTP status; 0 when the server was not reached. */
    readonly status: number,
    /** Last part of the problem's `type`: `urn:tandem:problem:gone` is "gone"; "" when it has none. */
    readonly kind: string,
    /** One sentence. */
    readonly detail: string,
    /** What support can look for; may be empty. */
    readonly reference = "",
    /** Seconds to wait (429, 503); 0 when not said. */
    readonly retryAfter = 0,
    /** The server's code of why (`collab_server.explain.Why`); empty when it gave none. */
    readonly why = "",
    /** The session a used link led to; empty when not said. */
    readonly session = "",
    /** What the agent asks for before they let this browser in (409, why confirm). */
    readonly word = "",
    /** Which field of what was sent is wrong (422). */
    readonly field = "",
  ) {
    super(detail);
  }

  get unreachable(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

let csrf = "";

/** Token that cookie-authenticated writes carry; the server hands it out with `me` and `join`. */
export function rememberCsrf(token: string | undefined): void {
  if (token) csrf = token;
}

type Method = "GET" | "POST" | "DELETE";

/** Ask the server. Throws Problem. */
export async function request<T>(method: Method, path: string, body?: unknown): Promise<T> {
  try {
    return await once<T>(method, path, body);
  } catch (error) {
    if (!(error instanceof Problem) || error.kind !== "csrf") throw error;
    // A log-in in another window of this browser has changed what writes carry.
    rememberCsrf((await once<{ csrf: string }>("GET", "/v1/me")).csrf);
    return once<T>(method, path, body);
  }
}

async function once<T>(method: Method, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem(0, "unreachable", "");
  }
  noteServerTime(response.headers.get("Date"));
  const text = await response.text().catch(() => "");
  const data = parse(text);
  if (!response.ok) throw problem(response, data);
  return data as T;
}

/** Say something while the page closes: the browser sends it after the page is gone. */
export function sayLast(path: string, body: unknown): void {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const sent = { method: "POST", headers, credentials: "same-origin", keepalive: true } as const;
  // Nobody is left to be told that it failed; the server then finds out by itself.
  fetch(path, { ...sent, body: JSON.stringify(body) }).catch(() => undefined);
}

function parse(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

function problem(response: Response, data: unknown): Problem {
  const document = (typeof data === "object" && data !== null ? data : {}) as Record<
    string,
    unknown
  >;
  const word = (key: string) =>
    typeof document[key] === "string" ? (document[key] as string) : "";
  const kind = word("type") === "about:blank" ? "" : (word("type").split(/[/:#]/).pop() ?? "");
  const reference =
    word("reference") || word("instance") || response.headers.get("X-Request-Id") || "";
  const wait = Number(response.headers.get("Retry-After"));
  return new Problem(
    response.status,
    kind,
    word("detail") || word("title"),
    reference,
    Number.isFinite(wait) ? wait : 0,
    word("why"),
    word("session"),
    word("word"),
    word("field"),
  );
}

/** Any thrown value as a Problem, so that pages have one thing to show. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(-1, "page", error instanceof Error ? error.message : String(error));
}
