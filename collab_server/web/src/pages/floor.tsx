/** /floor: what is out of the ordinary, for supervisors. */
import { t } from "../lib/words";
import { Entrance } from "../ui/entrance";
import { Floor } from "../ui/floor";
import { Brand, LanguageSwitch } from "../ui/parts";
import "../style/agent.css";
import "../style/setup.css";
import "../style/floor.css";

export default function FloorPage() {
  return (
    <Entrance title={t("floor.title")}>
      {({ agent, brand, leave, signedOut }) => (
        <div class="agent page setup">
          <header class="desk-top">
            <Brand name={brand} />
            <h1>{t("floor.title")}</h1>
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
          {agent.supervisor ? (
            <Floor agent={agent} signedOut={signedOut} />
          ) : (
            <main class="setup-main">
              <section class="box">
                <h2>{t("floor.denied")}</h2>
                <p class="muted">{t("floor.deniedHint")}</p>
              </section>
            </main>
          )}
        </div>
      )}
    </Entrance>
  );
}
