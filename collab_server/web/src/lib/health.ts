/** Reads /readyz: the same document whether the server is ready (200) or not (503). */
import { t } from "./words";

export interface Check {
  name: string;
  ok: boolean;
  detail: string;
}

export async function readiness(): Promise<{ ready: boolean; checks: Check[] }> {
  try {
    const response = await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    const data = (await response.json()) as Record<string, unknown>;
    return { ready: response.ok, checks: checksOf(data["checks"]) };
  } catch {
    return { ready: false, checks: [{ name: "/readyz", ok: false, detail: t("error.unreachable") }] };
  }
}

/** A check is `name: true`, `name: "ok"` or `name: {ok, detail}`. */
function checksOf(value: unknown): Check[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value as Record<string, unknown>).map(([name, said]) => {
    if (typeof said === "object" && said !== null) {
      const { ok, detail } = said as Record<string, unknown>;
      return { name, ok: ok === true, detail: typeof detail === "string" ? detail : "" };
    }
    return { name, ok: said === true || said === "ok", detail: typeof said === "string" && said !== "ok" ? said : "" };
  });
}
