/** What the strip over a session says, for each role: one word, one sentence, one colour. */
import { since } from "./clock";
import { consentStatus } from "./consent";
import { personName } from "./people";
import { noTelephone, placedStatus } from "./placed";
import type { Gone, LinkState } from "./sync-link";
import type { Role, View } from "./types";
import { type Key, t, tOr } from "./words";

export type Tone = "live" | "hold" | "calm" | "danger";

export interface Status {
  tone: Tone;
  /** The state in a word or two: colour never says it alone. */
  word: string;
  sentence: string;
  /** What screen readers are told besides: a question that the page asks elsewhere. */
  asks?: string;
}

export interface Situation {
  role: Role;
  view: View;
  link: LinkState;
  gone: Gone | null;
  /** Lines that are only on this device could be kept there. */
  kept: boolean;
  /** The agent before this one, when the call was passed on while the page looked. */
  before: string | null;
}

export function statusOf(situation: Situation): Status {
  const { view, gone, role, link } = situation;
  if (gone === "transferred") {
    return { tone: "calm", word: t("state.transferred"), sentence: transferSentence(situation) };
  }
  const placed = role === "user" && (!gone || view.state === "ended") && placedStatus(situation);
  if (placed) return placed;
  if (view.state === "ended" || gone) {
    const open = role === "agent" && !gone ? ` ${t("agent.grace")}` : "";
    return { tone: "calm", word: t("state.ended"), sentence: endSentence(role, view) + open };
  }
  if (link === "offline") {
    const key = situation.kept ? "offline" : "offlineUnkept";
    return { tone: "hold", word: t("state.offline"), sentence: t(`${role}.${key}`) };
  }
  return role === "user" ? userStatus(situation) : agentStatus(view);
}

function userStatus({ view, before }: Situation): Status {
  const agent = personName(view.agent) || t("role.agent");
  const consent = consentStatus("user", view);
  if (consent) return consent;
  if (view.held && !noTelephone(view)) {
    return { tone: "hold", word: t("state.held"), sentence: t("user.held") };
  }
  if (before && view.agent) {
    const sentence = t("user.transferred", { from: before, to: agent });
    return { tone: "live", word: t("state.transferred"), sentence };
  }
  switch (view.state) {
    case "requested":
    case "queued": {
      const place = view.position ? `${t("user.position", { position: view.position })} ` : "";
      const sentence = `${t("user.queued")} ${place}${t("user.leave")}`;
      return { tone: "calm", word: t("state.queued"), sentence };
    }
    case "inviting":
      return { tone: "calm", word: t("state.inviting"), sentence: t("user.inviting", { agent }) };
    case "suspended":
      return { tone: "hold", word: t("state.suspended"), sentence: t("user.suspended") };
    default: {
      if (view.presence.agent.connected) {
        return { tone: "live", word: t("state.active"), sentence: t("user.active", { agent }) };
      }
      const key = view.presence.agent.joined ? "user.agentAway" : "user.inviting";
      return { tone: "calm", word: t("state.active"), sentence: t(key, { agent }) };
    }
  }
}

const INVITING: Record<string, Key> = {
  failed: "agent.invitingFailed",
  sent: "agent.invitingSent",
  opened: "agent.invitingOpened",
  confirm: "agent.confirm",
};

function agentStatus(view: View): Status {
  const user = personName(view.user);
  const caller = view.presence.user;
  const placed = noTelephone(view);
  if (view.held && !placed) {
    return { tone: "hold", word: t("state.held"), sentence: t("agent.held") };
  }
  const consent = consentStatus("agent", view);
  if (consent) return consent;
  const busy = placed && !view.placed?.phone ? ` ${t("agent.busy")}` : "";
  switch (view.state) {
    case "requested":
      return { tone: "calm", word: t("state.requested"), sentence: t("agent.requested") };
    case "queued": {
      const queue = view.queue ? ` ${t("agent.queue", { queue: view.queue })}` : "";
      const sentence = `${t("agent.queued")}${queue}`;
      return { tone: "calm", word: t("state.queued"), sentence };
    }
    case "suspended":
      return { tone: "hold", word: t("state.suspended"), sentence: t("agent.suspended") };
    case "inviting":
    case "active": {
      if (caller.connected) {
        const sentence = t("agent.active", { user }) + busy;
        return { tone: "live", word: t("state.active"), sentence };
      }
      if (caller.joined) {
        const sentence = t("agent.away", { time: since(caller.since) });
        return { tone: "hold", word: t("state.away"), sentence };
      }
      const sent = view.invitation?.user.state;
      if (placed && sent !== "opened" && sent !== "confirm") {
        return { tone: "calm", word: t("state.inviting"), sentence: t("agent.never") };
      }
      const key = INVITING[sent ?? ""] ?? "agent.inviting";
      const tone = sent === "failed" ? "danger" : sent === "confirm" ? "hold" : "calm";
      return { tone, word: t("state.inviting"), sentence: t(key) };
    }
    default:
      return { tone: "calm", word: t("state.ended"), sentence: endSentence("agent", view) };
  }
}

function endSentence(role: Role, view: View): string {
  const key = `${role}.ended.${view.state === "ended" ? (view.reason ?? "closed") : "closed"}`;
  const words = tOr(key, t(`${role}.ended.closed`));
  return words.replace("{agent}", personName(view.agent) || t("role.agent"));
}

function transferSentence({ view, before, role }: Situation): string {
  const to = personName(view.agent) || t("role.agent");
  return t(`${role}.transferred`, { from: before ?? t("role.agent"), to });
}
