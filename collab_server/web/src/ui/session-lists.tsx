/** Left of the desk: calls, then sessions that are current, to wrap up, waiting, recent. */
import type { ComponentChildren } from "preact";
import type { DeskFeed } from "../lib/desk-feed";
import type { View } from "../lib/types";
import { type Key, t } from "../lib/words";
import { SessionCard } from "./session-card";

interface Props {
  feed: DeskFeed;
  opened: string | null;
  fresh: ReadonlySet<string>;
  open: (id: string) => void;
  /** What stands above the sessions. */
  children?: ComponentChildren;
}

export function SessionLists({ feed, opened, fresh, open, children }: Props) {
  const lists: [string, Key, readonly View[]][] = [
    ["current", "desk.current", feed.current.value],
    ["wrap-up", "desk.wrapUp", feed.wrapUp.value],
    ["waiting", "desk.waiting", feed.waiting.value],
    ["recent", "desk.recent", feed.recent.value],
  ];
  return (
    <nav class="lists" tabIndex={-1} aria-label={t("desk.sessions")}>
      {children}
      {lists
        .filter(([list, , views]) => views.length > 0 || list !== "wrap-up")
        .map(([list, name, views]) => (
          <section key={list} data-list={list} aria-labelledby={`list-${list}`}>
            <h2 id={`list-${list}`}>
              {t(name)} <span class="count">{views.length}</span>
            </h2>
            {views.length === 0 ? (
              <p class="muted small">{t("desk.none")}</p>
            ) : (
              <ul>
                {views.map((view) => (
                  <li key={view.id}>
                    <SessionCard
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
