/** What /desk, /floor and /setup have in common: the log-in first, and a way out of it again. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { brand } from "../lib/brand";
import { asProblem, type Problem } from "../lib/http";
import { type Refusal, takeRefusal } from "../lib/login";
import { loadMe, logOut } from "../lib/me";
import type { AgentAccount, Me } from "../lib/types";
import { type Key, t } from "../lib/words";
import "../lib/words-agent";
import { useRetry } from "./hooks";
import { LogIn } from "./login";
import { Brand, LanguageSwitch, ProblemNotice } from "./parts";
import "../style/agent.css";

/** Who has logged in, and how they are out of it. */
export interface Staff {
  agent: AgentAccount;
  brand: string | undefined;
  /** They logged out. */
  loggedOut: () => void;
  /** The server ended their log-in. */
  signedOut: () => void;
}

interface Props {
  title: Key;
  children: (staff: Staff) => ComponentChildren;
}

export function StaffPage({ title, children }: Props) {
  const [me, setMe] = useState<Me | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [attempt, setAttempt] = useState(0);
  const [notice, setNotice] = useState("");
  const [refusal, setRefusal] = useState<Refusal | null>(takeRefusal);

  const entered = (who: Me) => {
    setProblem(null);
    if (who.agent) setRefusal(null);
    setMe(who);
  };
  const name = t(title);
  useEffect(() => {
    document.title = `${name} · ${brand.value.name}`;
  }, [name]);
  useEffect(() => {
    loadMe().then(entered, (error: unknown) => setProblem(asProblem(error)));
  }, [attempt]);
  useLook(me !== null && !me.agent, entered);

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
  if (!me.agent) {
    return <LogIn entered={entered} brand={me.brand?.name} notice={notice} refusal={refusal} />;
  }
  const out = (said: string) => {
    setNotice(said);
    setMe({ ...me, agent: null });
  };
  return children({
    agent: me.agent,
    brand: me.brand?.name,
    loggedOut: () => out(""),
    signedOut: () => out(t("desk.signedOut")),
  });
}

/** Who logs in in another window is in here too, once they look at this one. */
function useLook(outside: boolean, entered: (me: Me) => void): void {
  useEffect(() => {
    if (!outside) return;
    const look = () => {
      if (document.hidden) return;
      loadMe().then(
        (me) => me.agent && entered(me),
        () => undefined, // whoever logs in here is told what is wrong
      );
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [outside]);
}

interface FrameProps {
  staff: Staff;
  title: Key;
  children: ComponentChildren;
}

/** The head over the floor and the set-up, with the way back to the desk. */
export function StaffFrame({ staff, title, children }: FrameProps) {
  const leave = () => void logOut().then(staff.loggedOut, staff.loggedOut);
  return (
    <div class="agent page setup">
      <header class="desk-top">
        <Brand name={staff.brand} />
        <h1>{t(title)}</h1>
        <span class="grow" />
        <a class="button quiet" href="/desk">
          {t("desk.title")}
        </a>
        <span class="desk-who">{staff.agent.display_name || staff.agent.name}</span>
        <LanguageSwitch />
        <button class="quiet" type="button" onClick={leave}>
          {t("login.out")}
        </button>
      </header>
      {children}
    </div>
  );
}
