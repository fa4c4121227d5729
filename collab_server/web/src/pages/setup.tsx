/** /setup: health and the trace of every call, for administrators. */
import { t } from "../lib/words";
import { CallTraces } from "../ui/call-traces";
import { Entrance } from "../ui/entrance";
import { Health } from "../ui/health";
import { Brand, LanguageSwitch } from "../ui/parts";
import "../style/agent.css";
import "../style/setup.css";

export default function SetupPage() {
  return (
    <Entrance title={t("setup.title")}>
      {({ agent, brand, leave }) => (
        <div class="agent page setup">
          <header class="desk-top">
            <Brand name={brand} />
            <h1>{t("setup.title")}</h1>
            <span class="grow" />
            <a class="button quiet" href="/desk">
              {t("desk.title")}
            </a>
            <span class="desk-who">{agent.name}</span>
            <LanguageSwitch />
            <button class="quiet" type="button" onClick={leave}>
              {t("login.out")}
            </button>
          </header>
          <main class="setup-main">
            <Health />
            {agent.admin ? (
              <CallTraces />
            ) : (
              <section class="box">
                <h2>{t("setup.admin")}</h2>
                <p class="muted">{t("setup.adminHint")}</p>
              </section>
            )}
          </main>
        </div>
      )}
    </Entrance>
  );
}
