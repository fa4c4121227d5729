/** A session as the desk's lists show it: who, how long, how it stands. */
import { shortTime, since } from "../lib/clock";
import { consentStatus, withheld } from "../lib/consent";
import { personName } from "../lib/people";
import { noTelephone } from "../lib/placed";
import type { View } from "../lib/types";
import { t, tOr } from "../lib/words";

interface Props {
  view: View;
  /** It has gone to another agent. */
  passedOn: boolean;
  isOpen: boolean;
  isNew: boolean;
  open: () => void;
}

export function SessionCard({ view, passedOn, isOpen, isNew, open }: Props) {
  const over = view.state === "ended";
  const [tone, word] = over
    ? ["calm", t("state.ended")]
    : passedOn
      ? ["calm", t("state.transferred")]
      : view.held
        ? ["hold", t("state.held")]
        : standing(view);
  return (
    <button
      class={`call ${isOpen ? "call-open" : ""} ${over || passedOn ? "call-over" : ""}`}
      type="button"
      aria-current={isOpen ? "true" : undefined}
      onClick={open}
      data-session={view.id}
    >
      <span class="card-row">
        <span class="call-name">{personName(view.user)}</span>
        <span class="call-age">
          {over ? shortTime(view.ended ?? view.since) : since(view.created)}
        </span>
      </span>
      <span class="card-row">
        <span class={`call-state ink-${tone}`}>
          <span class="dot" aria-hidden="true" />
          {word}
          {noTelephone(view) && !over && ` · ${t("desk.noPhone")}`}
        </span>
        {isNew ? (
          <strong class="new">{t("desk.new")}</strong>
        ) : (
          <span class="call-type">{tOr(`type.${view.type}`, view.type)}</span>
        )}
      </span>
    </button>
  );
}

function standing(view: View): [string, string] {
  const caller = view.presence.user;
  if (view.state === "active" || view.state === "inviting") {
    if (withheld(view)) return ["hold", consentStatus("agent", view)?.word ?? ""];
    if (caller.connected) return ["live", t("state.active")];
    if (caller.joined) return ["hold", t("state.away")];
    if (view.invitation?.user.state === "confirm") return ["hold", t("side.inv.confirm")];
    if (view.invitation?.user.state === "failed") return ["danger", t("side.inv.failed")];
    return ["calm", t("state.inviting")];
  }
  if (view.state === "suspended") return ["hold", t("state.suspended")];
  if (view.placed && caller.joined && !caller.connected) return ["hold", t("state.away")];
  if (view.placed?.stage === "line") return ["calm", `${t("desk.line")} · ${view.queue ?? ""}`];
  const place = view.position ? t("desk.place", { position: view.position }) : t("state.queued");
  return ["calm", view.queue ? `${place} · ${view.queue}` : place];
}
