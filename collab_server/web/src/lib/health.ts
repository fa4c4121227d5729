/** Reads /readyz: the same document whether the server is ready (200) or not (503). */
import { serverNow, shortTime } from "./clock";
import { type Key, t } from "./words";

/** live: works; hold: nobody says; danger: a fault. */
export type Health = "live" | "hold" | "danger";

export interface Check {
  name: string;
  health: Health;
  detail: string;
}

/** A PBX's connector; the text and the time come to administrators only. */
interface PbxDetail {
  linked: boolean;
  connected: boolean | null;
  since: string | null;
  title: string | null;
  detail: string | null;
  /** Further connectors, which wait to take over. */
  standby?: number;
  /** When the connector that serves reported last. */
  reported?: string | null;
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
    return {
      ready: response.ok,
      checks: [...parts(data, detail), ...connectors(data["pbx_detail"])],
    };
  } catch {
    return {
      ready: false,
      checks: [{ name: "/readyz", health: "danger", detail: t("error.unreachable") }],
    };
  }
}

function parts(data: Record<string, unknown>, detail: string): Check[] {
  return PARTS.filter((part) => part in data).map((part) => {
    const ok = data[part] === "ok";
    return {
      name: t(part === "database" ? "setup.database" : "setup.realtime"),
      health: ok ? "live" : "danger",
      detail: ok ? "" : detail,
    };
  });
}

/** Whether each PBX has a connector with its link open, and that connector its PBX. */
function connectors(value: unknown): Check[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value as Record<string, PbxDetail>).map(([pbx, one]) => {
    const [health, words] = standing(one);
    const time = one.since ? shortTime(one.since) : "";
    const values = { pbx, title: one.title ?? "", time, detail: one.detail ?? "" };
    const detail = [t(words, values), lastReport(one), standby(one)].filter(Boolean).join(" · ");
    return { name: t("setup.connector", { pbx }), health, detail };
  });
}

/** A connector reports every two seconds: one that is silent for long is linked, and stuck. */
function lastReport({ reported }: PbxDetail): string {
  if (!reported) return "";
  const age = Math.max(0, Math.round((serverNow() - Date.parse(reported)) / 1000));
  return age < 120
    ? t("setup.reportedSeconds", { seconds: age })
    : t("setup.reportedAt", { time: shortTime(reported) });
}

function standby({ standby: more = 0 }: PbxDetail): string {
  return more ? t(more === 1 ? "setup.standbyOne" : "setup.standbyMore", { count: more }) : "";
}

function standing({ linked, connected, since, title }: PbxDetail): [Health, Key] {
  const told = since && title;
  if (!linked) return ["danger", "setup.notLinked"];
  if (connected === null) return ["hold", "setup.linked"];
  if (connected) return ["live", told ? "setup.connectedTo" : "setup.connected"];
  return ["danger", told ? "setup.notReached" : "setup.notConnected"];
}
