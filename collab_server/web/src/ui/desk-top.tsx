/** The desk's head: Ready, whether alerts can reach the agent, who is logged in. */
import { alertAgent, alerting, becomeReady, ready, stopReady } from "../lib/alerts";
import { logOut } from "../lib/me";
import type { AgentAccount } from "../lib/types";
import { type Key, t } from "../lib/words";
import { Icon } from "./icons";
import { Brand, LanguageSwitch } from "./parts";

const ALERTS: Record<string, Key> = {
  on: "desk.alertsOn",
  blocked: "desk.alertsBlocked",
  page: "desk.alertsPage",
};

/** A narrow window to stand beside a CRM or a softphone. */
function openDock(): void {
  window.open("/desk?dock", "tandem-dock", `popup,width=360,height=${screen.availHeight}`);
}

interface Props {
  agent: AgentAccount;
  brand: string | undefined;
  loggedOut: () => void;
}

export function DeskTop({ agent, brand, loggedOut }: Props) {
  const isReady = ready.value;
  const said = isReady ? (ALERTS[alerting.value] ?? "desk.alertsPage") : "desk.alertsOff";
  const tone = !isReady || alerting.value === "blocked" ? "hold" : "live";
  const leave = () => {
    stopReady();
    void logOut().then(loggedOut, loggedOut);
  };
  return (
    <header class="desk-top">
      <Brand name={brand} />
      <button
        class={isReady ? "" : "primary"}
        type="button"
        onClick={() => (isReady ? stopReady() : void becomeReady())}
      >
        {t(isReady ? "desk.notReady" : "desk.ready")}
      </button>
      <p class={`alerts ink-${tone}`} role="status">
        <Icon name="bell" />
        {t(said)}
      </p>
      <span class="grow" />
      {agent.supervisor && (
        <a class="button quiet desk-wider" href="/floor" target="_blank" rel="noopener">
          {t("floor.title")}
        </a>
      )}
      {agent.admin && (
        <a class="button quiet desk-wider" href="/setup" target="_blank" rel="noopener">
          {t("setup.title")}
        </a>
      )}
      <button class="quiet desk-wider" type="button" onClick={openDock}>
        <Icon name="side" />
        {t("desk.dock")}
      </button>
      <span class="desk-who">{agent.name}</span>
      <LanguageSwitch />
      <button class="quiet" type="button" onClick={leave}>
        {t("login.out")}
      </button>
    </header>
  );
}

export function DeskEmpty() {
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
        <p class="muted">{t(ready.value ? "desk.emptyHint" : "desk.emptyNotReady")}</p>
        {ready.value && (
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
