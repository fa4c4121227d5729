/** /setup: health and the trace of every call, for administrators. */
import { useEffect, useState } from "preact/hooks";
import { asProblem, type Problem } from "../lib/http";
import { loadMe, logOut } from "../lib/me";
import type { Me } from "../lib/types";
import { t } from "../lib/words";
import { CallTraces } from "../ui/call-traces";
import { Health } from "../ui/health";
import { useRetry } from "../ui/hooks";
import { LogIn } from "../ui/login";
import { Brand, LanguageSwitch, ProblemNotice } from "../ui/parts";
import "../style/agent.css";
import "../style/setup.css";

export default function SetupPage() {
  const [me, setMe] = useState<Me | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [attempt, setAttempt] = useState(0);

  const entered = (who: Me) => {
    setProblem(null);
    setMe(who);
  };
  useEffect(() => {
    document.title = `${t("setup.title")} · ${t("app.name")}`;
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
  if (!me.agent) return <LogIn entered={entered} brand={me.brand?.name} />;
  const out = () => {
    const leave = () => setMe({ ...me, agent: null });
    void logOut().then(leave, leave);
  };
  return (
    <div class="agent page setup">
      <header class="desk-top">
        <Brand name={me.brand?.name} />
        <h1>{t("setup.title")}</h1>
        <span class="grow" />
        <a class="button quiet" href="/desk">
          {t("desk.title")}
        </a>
        <span class="desk-who">{me.agent.name}</span>
        <LanguageSwitch />
        <button class="quiet" type="button" onClick={out}>
          {t("login.out")}
        </button>
      </header>
      <main class="setup-main">
        <Health />
        {me.agent.admin ? (
          <CallTraces />
        ) : (
          <section class="box">
            <h2>{t("setup.admin")}</h2>
            <p class="muted">{t("setup.adminHint")}</p>
          </section>
        )}
      </main>
    </div>
  );
}
