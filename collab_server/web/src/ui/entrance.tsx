/** What stands before the pages of agents: who is there, and the log-in where nobody is. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { asProblem, type Problem } from "../lib/http";
import { type Refusal, takeRefusal } from "../lib/login";
import { loadMe, logOut } from "../lib/me";
import type { AgentAccount, Me } from "../lib/types";
import { t } from "../lib/words";
import { useRetry } from "./hooks";
import { LogIn } from "./login";
import { ProblemNotice } from "./parts";

/** Who has come in, and the ways out again. */
export interface Inside {
  agent: AgentAccount;
  brand: string | undefined;
  /** Log out. */
  leave: () => void;
  /** They have logged out. */
  loggedOut: () => void;
  /** The server has ended the log-in. */
  signedOut: () => void;
}

interface Props {
  title: string;
  children: (inside: Inside) => ComponentChildren;
}

export function Entrance({ title, children }: Props) {
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
  useEffect(() => {
    document.title = `${title} · ${t("app.name")}`;
    loadMe().then(entered, (error: unknown) => setProblem(asProblem(error)));
  }, [attempt]);
  const outside = me !== null && !me.agent;
  useLook(outside, entered);

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
  const loggedOut = () => out("");
  return (
    <>
      {children({
        agent: me.agent,
        brand: me.brand?.name,
        leave: () => void logOut().then(loggedOut, loggedOut),
        loggedOut,
        signedOut: () => out(t("desk.signedOut")),
      })}
    </>
  );
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
