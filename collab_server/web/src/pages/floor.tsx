/** /floor: what is out of the ordinary, for supervisors. */
import { useEffect, useState } from "preact/hooks";
import { brand } from "../lib/brand";
import { asProblem, type Problem } from "../lib/http";
import { loadMe, logOut } from "../lib/me";
import type { Me } from "../lib/types";
import { t } from "../lib/words";
import { Floor } from "../ui/floor";
import { useRetry } from "../ui/hooks";
import { LogIn } from "../ui/login";
import { Brand, LanguageSwitch, ProblemNotice } from "../ui/parts";
import "../style/agent.css";
import "../style/setup.css";
import "../style/floor.css";

export default function FloorPage() {
  const [me, setMe] = useState<Me | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [attempt, setAttempt] = useState(0);
  const [notice, setNotice] = useState("");

  const entered = (who: Me) => {
    setProblem(null);
    setMe(who);
  };
  useEffect(() => {
    document.title = `${t("floor.title")} · ${brand.value.name}`;
    loadMe().then(entered, (error: unknown) => setProblem(asProblem(error)));
  }, [attempt]);

  const again = () => setAttempt(attempt + 1);
  useRetry(problem, again);
  if (problem) {
    return (
      <main class="agent middle">
        <ProblemNotice problem={problem} retry={again} />
      </main>
    );
  }
  if (!me) return <p class="loading">{t("app.loading")}</p>;
  if (!me.agent) return <LogIn entered={entered} brand={me.brand?.name} notice={notice} />;
  const out = (said: string) => {
    setNotice(said);
    setMe({ ...me, agent: null });
  };
  const leave = () =>
    void logOut().then(
      () => out(""),
      () => out(""),
    );
  return (
    <div class="agent page setup">
      <header class="desk-top">
        <Brand name={me.brand?.name} />
        <h1>{t("floor.title")}</h1>
        <span class="grow" />
        <a class="button quiet" href="/desk">
          {t("desk.title")}
        </a>
        <span class="desk-who">{me.agent.name}</span>
        <LanguageSwitch />
        <button class="quiet" type="button" onClick={leave}>
          {t("login.out")}
        </button>
      </header>
      {me.agent.supervisor ? (
        <Floor agent={me.agent} signedOut={() => out(t("desk.signedOut"))} />
      ) : (
        <main class="setup-main">
          <section class="box">
            <h2>{t("floor.denied")}</h2>
            <p class="muted">{t("floor.deniedHint")}</p>
          </section>
        </main>
      )}
    </div>
  );
}
