/** Reads /readyz: the same document whether the server is ready (200) or not (503). */
import { t } from "./words";

export interface Check {
  name: string;
  ok: boolean;
  detail: string;
}

/** Members of the answer that are checks, in the order they are shown. */
const PARTS = ["database", "realtime"];

export async function readiness(): Promise<{ ready: boolean; checks: Check[] }> {
  try {
    const response = await fetch("/readyz", {
      cache: "no-store",
      signal: AbortSignal.timeout(10_000),
    });
    const data = (await response.json()) as Record<string, unknown>;
    const detail = typeof data["detail"] === "string" ? data["detail"] : "";
    return { ready: response.ok, checks: [...parts(data, detail), ...connectors(data["pbx"])] };
  } catch {
    return {
      ready: false,
      checks: [{ name: "/readyz", ok: false, detail: t("error.unreachable") }],
    };
  }
}

function parts(data: Record<string, unknown>, detail: string): Check[] {
  return PARTS.filter((part) => part in data).map((part) => {
    const ok = data[part] === "ok";
    return {
      name: t(part === "database" ? "setup.database" : "setup.realtime"),
      ok,
      detail: ok ? "" : detail,
    };
  });
}

/** Whether each PBX has a connector with its link open. */
function connectors(value: unknown): Check[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value as Record<string, unknown>).map(([pbx, linked]) => {
    const detail = linked === true ? t("setup.linked") : t("setup.notLinked", { pbx });
    return { name: t("setup.connector", { pbx }), ok: linked === true, detail };
  });
}
