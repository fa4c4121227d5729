/** Left of the desk: current, waiting and recent sessions. */
import { shortTime, since } from "../lib/clock";
import type { DeskFeed } from "../lib/desk-feed";
import { personName } from "../lib/people";
import type { View } from "../lib/types";
import { type Key, t, tOr } from "../lib/words";
import { InviteButton } from "./invite";

interface Props {
  feed: DeskFeed;
  opened: string | null;
  fresh: ReadonlySet<string>;
  open: (id: string) => void;
}

export function SessionLists({ feed, opened, fresh, open }: Props) {
  const lists: [Key, readonly View[]][] = [
    ["desk.current", feed.current.value],
    ["desk.waiting", feed.waiting.value],
    ["desk.recent", feed.recent.value],
  ];
  return (
    <nav class="lists" aria-label={t("desk.sessions")}>
      <InviteButton opened={open} />
      {lists.map(([name, views]) => (
        <section key={name} data-list={name.slice(5)}>
          <h2>
            {t(name)} <span class="count">{views.length}</span>
          </h2>
          {views.length === 0 ? (
            <p class="muted small">{t("desk.none")}</p>
          ) : (
            <ul>
              {views.map((view) => (
                <li key={view.id}>
                  <Card
                    view={view}
                    passedOn={view.agent !== null && view.agent.uri !== feed.agent.uri}
                    isOpen={view.id === opened}
                    isNew={fresh.has(view.id)}
                    open={() => open(view.id)}
                  />
                </li>
              ))}
            </ul>
          )}
        </section>
      ))}
    </nav>
  );
}

interface CardProps {
  view: View;
  passedOn: boolean;
  isOpen: boolean;
  isNew: boolean;
  open: () => void;
}

function Card({ view, passedOn, isOpen, isNew, open }: CardProps) {
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
      <span class="call-name">{personName(view.user)}</span>
      <span class="call-age">
        {over ? shortTime(view.ended ?? view.since) : since(view.created)}
      </span>
      <span class={`call-state ink-${tone}`}>
        <span class="dot" aria-hidden="true" />
        {word}
      </span>
      <span class="call-type">
        {isNew ? <strong class="new">{t("desk.new")}</strong> : tOr(`type.${view.type}`, view.type)}
      </span>
    </button>
  );
}

function standing(view: View): [string, string] {
  const caller = view.presence.user;
  if (view.state === "active" || view.state === "inviting") {
    if (caller.connected) return ["live", t("state.active")];
    if (caller.joined) return ["hold", t("state.away")];
    if (view.invitation?.user.state === "confirm") return ["hold", t("side.inv.confirm")];
    if (view.invitation?.user.state === "failed") return ["danger", t("side.inv.failed")];
    return ["calm", t("state.inviting")];
  }
  if (view.state === "suspended") return ["hold", t("state.suspended")];
  const place = view.position ? t("desk.place", { position: view.position }) : t("state.queued");
  return ["calm", view.queue ? `${place} · ${view.queue}` : place];
}
