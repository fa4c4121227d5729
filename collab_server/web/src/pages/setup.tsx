/** /setup: health, the trace of every call, people and brand, for administrators. */
import { useEffect, useState } from "preact/hooks";
import { brand } from "../lib/brand";
import { asProblem, type Problem } from "../lib/http";
import { loadMe, logOut } from "../lib/me";
import type { Me } from "../lib/types";
import { type Key, t } from "../lib/words";
import { BrandPage } from "../ui/brand-form";
import { CallTraces } from "../ui/call-traces";
import { Health } from "../ui/health";
import { useRetry } from "../ui/hooks";
import { LogIn } from "../ui/login";
import { Brand, LanguageSwitch, ProblemNotice } from "../ui/parts";
import { People } from "../ui/people";
import "../style/agent.css";
import "../style/people.css";
import "../style/setup.css";

/** The parts, each with its address, so that it can be linked to and gone back to. */
const PARTS: [string, Key][] = [
  ["", "setup.calls.part"],
  ["people", "people.title"],
  ["brand", "brand.title"],
];

function partHere(): string {
  const asked = new URLSearchParams(location.search);
  return PARTS.find(([part]) => part && asked.has(part))?.[0] ?? "";
}

function usePart(): [string, (next: string) => void] {
  const [part, setPart] = useState(partHere);
  useEffect(() => {
    const back = () => setPart(partHere());
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  const turn = (next: string) => {
    history.pushState(null, "", next ? `/setup?${next}` : "/setup");
    setPart(next);
  };
  return [part, turn];
}

export default function SetupPage() {
  const [me, setMe] = useState<Me | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [attempt, setAttempt] = useState(0);
  const [notice, setNotice] = useState("");
  const [part, turn] = usePart();

  const entered = (who: Me) => {
    setProblem(null);
    setMe(who);
  };
  useEffect(() => {
    document.title = `${t("setup.title")} · ${brand.value.name}`;
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
  const leave = () => setMe({ ...me, agent: null });
  const out = () => void logOut().then(leave, leave);
  /** The server lets them in no more, or no further than before. */
  const signedOut = () => {
    setNotice(t("desk.signedOut"));
    setAttempt(attempt + 1);
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
        {me.agent.admin && (
          <nav class="setup-nav" aria-label={t("setup.parts")}>
            {PARTS.map(([name, words]) => (
              <a
                key={name}
                href={name ? `/setup?${name}` : "/setup"}
                aria-current={name === part ? "page" : undefined}
                onClick={(event) => {
                  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                  event.preventDefault();
                  turn(name);
                }}
              >
                {t(words)}
              </a>
            ))}
          </nav>
        )}
        {me.agent.admin && part === "people" ? (
          <People me={me.agent} signedOut={signedOut} />
        ) : me.agent.admin && part === "brand" ? (
          <BrandPage signedOut={signedOut} />
        ) : (
          <Health />
        )}
        {me.agent.admin ? (
          part === "" && <CallTraces />
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
