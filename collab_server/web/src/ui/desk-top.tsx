/** The desk's head: Ready and alerts, the pause in the queues, who is logged in. */
import { alertAgent } from "../lib/alerts";
import type { DeskFeed } from "../lib/desk-feed";
import { logOut } from "../lib/me";
import type { AgentAccount } from "../lib/types";
import { t } from "../lib/words";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { Brand, LanguageSwitch } from "./parts";
import { QueueSwitch } from "./queue-pause";
import { Ready } from "./ready";

interface Props {
  feed: DeskFeed;
  agent: AgentAccount;
  brand: string | undefined;
  loggedOut: () => void;
}

export function DeskTop({ feed, agent, brand, loggedOut }: Props) {
  return (
    <header class="desk-top">
      <Brand name={brand} />
      <Ready feed={feed} />
      <QueueSwitch feed={feed} />
      <span class="grow" />
      <Menu
        look="quiet desk-who"
        name={t("desk.menu", { agent: agent.display_name || agent.name })}
        label={<span class="desk-who-name">{agent.display_name || agent.name}</span>}
      >
        {() => (
          <div class="menu-list">
            {agent.supervisor && (
              <a class="button quiet" href="/floor" target="_blank" rel="noopener">
                {t("floor.title")}
              </a>
            )}
            {agent.admin && (
              <a class="button quiet" href="/setup" target="_blank" rel="noopener">
                {t("setup.title")}
              </a>
            )}
            <LanguageSwitch />
            <button
              class="quiet"
              type="button"
              onClick={() => void logOut().then(loggedOut, loggedOut)}
            >
              {t("login.out")}
            </button>
          </div>
        )}
      </Menu>
    </header>
  );
}

export function DeskEmpty({ feed }: { feed: DeskFeed }) {
  const ready = feed.state.value?.state === "ready";
  const test = () =>
    alertAgent({
      title: t("desk.testTitle"),
      body: t("app.name"),
      tag: "test",
      sound: true,
      onOpen: () => undefined,
    });
  return (
    <main class="workspace desk-empty">
      <div class="empty">
        <h1>{t("desk.empty")}</h1>
        <p class="muted">{t(ready ? "desk.emptyHint" : "desk.emptyNotReady")}</p>
        {ready && (
          <p>
            <button type="button" onClick={test}>
              <Icon name="bell" />
              {t("desk.test")}
            </button>
          </p>
        )}
      </div>
    </main>
  );
}
