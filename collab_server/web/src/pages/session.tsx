/** /s/{id}: the session for whoever joined it, the caller or an agent with a join link. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../lib/http";
import type { Room } from "../lib/room";
import { t } from "../lib/words";
import { visit } from "../lib/visit";
import { ByCode, CardPage } from "../ui/card-page";
import { HeldPage } from "../ui/held";
import { problemText } from "../ui/parts";
import { useRetry } from "../ui/hooks";
import { UserSession } from "../ui/user-session";

export default function SessionPage({ id = "" }: Record<string, string>) {
  const [room, setRoom] = useState<Room | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [left, setLeft] = useState(false);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    if (left) return;
    let current = true;
    let opened: Room | null = null;
    visit(id).then(
      (made) => {
        opened = made;
        if (!current) return made.close();
        setProblem(null);
        setRoom(made);
      },
      (error: unknown) => current && setProblem(asProblem(error)),
    );
    return () => {
      current = false;
      opened?.close();
      setRoom(null);
    };
  }, [id, left, attempt]);

  const again = useCallback(() => setAttempt((before) => before + 1), []);
  useRetry(problem, again);
  const held = useRef(false);
  held.current ||= problem?.why === "confirm";
  if (left) return <Left comeBack={() => setLeft(false)} />;
  if (problem?.why === "confirm") return <HeldPage word={problem.word} again={again} />;
  if (problem?.status === 401 && held.current) return <TurnedAway />;
  if (problem) return <NotOpen session={id} problem={problem} again={again} />;
  if (!room) return <p class="loading">{t("app.loading")}</p>;
  return room.role === "agent" ? (
    <AgentPart room={room} />
  ) : (
    <UserSession room={room} leave={() => setLeft(true)} />
  );
}

type Agent = typeof import("../ui/agent-session").AgentSession;

/** An agent's screen is loaded when it is one: callers are spared it. */
function AgentPart({ room }: { room: Room }) {
  const [Part, setPart] = useState<Agent | null>(null);
  useEffect(() => {
    const broken = (error: unknown) =>
      setPart(() => {
        throw error; // for the guard around every page
      });
    import("../ui/agent-session").then((module) => setPart(() => module.AgentSession), broken);
  }, []);
  return Part ? <Part room={room} /> : <p class="loading">{t("app.loading")}</p>;
}

/** The agent said that this is not the caller, or the link was replaced meanwhile. */
function TurnedAway() {
  return (
    <CardPage title={t("join.revoked.title")}>
      <p>{t("held.refused")}</p>
    </CardPage>
  );
}

function Left({ comeBack }: { comeBack: () => void }) {
  return (
    <CardPage title={t("user.left.title")}>
      <p>{t("user.left")}</p>
      <p>
        <button class="primary" type="button" onClick={comeBack}>
          {t("user.comeBack")}
        </button>
      </p>
    </CardPage>
  );
}

interface NotOpenProps {
  session: string;
  problem: Problem;
  again: () => void;
}

/** The server would not open the session: over, passed on, never this browser's, or out of reach. */
function NotOpen({ session, problem, again }: NotOpenProps) {
  const ended = problem.status === 410 && problem.why !== "revoked";
  const revoked = problem.status === 409 || problem.why === "revoked";
  if (ended || revoked) {
    const kind = ended ? "ended" : "revoked";
    return (
      <CardPage title={t(`join.${kind}.title`)}>
        <p>{t(`join.${kind}`)}</p>
        {revoked && <ByCode />}
      </CardPage>
    );
  }
  if (problem.unreachable || problem.status < 0) {
    return (
      <CardPage title={t("app.failed")}>
        <p role="alert">{problemText(problem)}</p>
        <p class="small muted">{t("app.reference", { reference: problem.reference || session })}</p>
        <p>
          <button class="primary" type="button" onClick={again}>
            {t("app.retry")}
          </button>
        </p>
      </CardPage>
    );
  }
  return (
    <CardPage title={t("user.noSession.title")}>
      <p>{t("user.noSession")}</p>
      <ByCode />
    </CardPage>
  );
}
