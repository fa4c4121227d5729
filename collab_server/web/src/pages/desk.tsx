/** /desk: log-in first, then the agent's sessions. */
import { useEffect, useState } from "preact/hooks";
import { brand } from "../lib/brand";
import { asProblem, type Problem } from "../lib/http";
import { loadMe } from "../lib/me";
import type { Me } from "../lib/types";
import { t } from "../lib/words";
import { Desk } from "../ui/desk";
import { useRetry } from "../ui/hooks";
import { LogIn } from "../ui/login";
import { ProblemNotice } from "../ui/parts";
import "../style/agent.css";
import "../style/desk.css";

export default function DeskPage() {
  const [me, setMe] = useState<Me | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [attempt, setAttempt] = useState(0);
  const [notice, setNotice] = useState("");

  const entered = (who: Me) => {
    setProblem(null);
    setMe(who);
  };
  useEffect(() => {
    document.title = `${t("desk.title")} · ${brand.value.name}`;
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
  return (
    <Desk
      key={me.agent.uri}
      agent={me.agent}
      brand={me.brand?.name}
      loggedOut={() => out("")}
      signedOut={() => out(t("desk.signedOut"))}
    />
  );
}
