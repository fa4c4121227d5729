/** Calls without a telephone: what their sessions say, and how a number is typed. */
import { personName } from "./people";
import type { Situation, Status } from "./state";
import type { View } from "./types";
import { t, tOr } from "./words";

/** Nobody is in a telephone call: it was posted by a page, and has not become one. */
export function noTelephone(view: View): boolean {
  return !!view.placed && view.placed.stage !== "voice";
}

export function waits(view: View): boolean {
  return view.state === "requested" || view.state === "queued";
}

/** What the strip says to the user; null: what it says in any session. */
export function placedStatus({ view, link, kept }: Situation): Status | null {
  if (!noTelephone(view)) return null;
  const agent = personName(view.agent) || t("role.agent");
  if (view.state === "ended") {
    return { tone: "calm", word: t("state.ended"), sentence: placedEnd(view) };
  }
  if (link === "offline") {
    const sentence = t(kept ? "placed.offline" : "placed.offlineUnkept");
    return { tone: "hold", word: t("state.offline"), sentence };
  }
  if (waits(view)) {
    return { tone: "calm", word: t("state.queued"), sentence: t("placed.stay") };
  }
  const away = view.presence.agent.joined && !view.presence.agent.connected;
  if (view.state === "active" && away) {
    return { tone: "calm", word: t("state.active"), sentence: t("placed.agentAway", { agent }) };
  }
  return null;
}

function placedEnd(view: View): string {
  if (view.placed?.problem) return t(`placed.problem.${view.placed.problem}`);
  const reason = view.reason ?? "closed";
  const words = tOr(`placed.ended.${reason}`, tOr(`user.ended.${reason}`, t("user.ended.closed")));
  return words.replace("{agent}", personName(view.agent) || t("role.agent"));
}

/** The address of a number as people type it, `+49 (30) 12-34`; null: it is none. */
export function numberUri(typed: string): string | null {
  const text = typed.trim();
  if (/^(sip:)?[0-9A-Za-z_.+-]{1,64}@[0-9A-Za-z][0-9A-Za-z.-]*$/.test(text)) {
    return text.startsWith("sip:") ? text : `sip:${text}`;
  }
  const digits = text.replace(/^tel:/, "").replace(/[\s()./-]/g, "");
  return /^\+?[0-9]{2,20}$/.test(digits) ? `tel:${digits}` : null;
}

/** A number as it is shown and typed again. */
export function numberText(uri: string | null | undefined): string {
  return (uri ?? "").replace(/^(tel|sip):/, "");
}
