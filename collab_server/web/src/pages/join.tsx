/** /join#token: who is asking, what will be shared, one button. */
import { useEffect, useState } from "preact/hooks";
import { asProblem, type Problem, rememberCsrf, request } from "../lib/http";
import { personName } from "../lib/people";
import { go, handOver } from "../lib/routes";
import { expectRole, rejoin } from "../lib/seat";
import type { Held, Joined, JoinPreview } from "../lib/types";
import { t } from "../lib/words";
import { Welcome } from "../ui/brand";
import { ByCode, CardPage } from "../ui/card-page";
import { ProblemNotice } from "../ui/parts";

/** The token leaves the address bar at once: it must not reach a history, a bookmark or a copy. */
function takeToken(): string {
  const token = location.hash.slice(1);
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}

export default function JoinPage() {
  const [token, setToken] = useState(takeToken);
  const [turn, setTurn] = useState(0);
  const [preview, setPreview] = useState<JoinPreview | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    const changed = () => {
      if (!location.hash) return;
      setProblem(null);
      setPreview(null);
      setToken(takeToken());
      setTurn((before) => before + 1); // the same link again is looked at again
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);

  const enter = (joined: Joined | Held) => {
    rememberCsrf(joined.csrf);
    if ("sync" in joined) handOver(joined);
    else expectRole(joined.session, joined.role);
    go(`/s/${joined.session}`, true);
  };

  /** A link that this browser used before leads back to its session. */
  const failed = async (error: unknown) => {
    const said = asProblem(error);
    const joined = said.why === "used" && said.session ? await rejoin(said.session) : null;
    if (joined) enter(joined);
    else setProblem(said);
    setBusy(false);
  };

  const look = () => {
    if (!token) return;
    setProblem(null);
    request<JoinPreview>("POST", "/v1/join/look", { token }).then(setPreview, failed);
  };
  useEffect(look, [token, turn]);

  const join = async () => {
    setBusy(true);
    setProblem(null);
    try {
      // The yes is for the agent this page names, should another have taken the call meanwhile.
      const agent = preview?.agent?.uri ?? null;
      enter(await request<Joined | Held>("POST", "/v1/join", { token, agent }));
    } catch (error) {
      await failed(error);
    }
  };

  if (!token || problem?.kind === "link-invalid" || problem?.status === 422) {
    return (
      <CardPage title={t("join.none.title")}>
        <p>{t("join.none")}</p>
        <ByCode />
      </CardPage>
    );
  }
  if (problem?.status === 410) return <Refused why={problem.why} />;
  const isAgent = preview?.role === "agent";
  const placed = !!preview?.placed;
  return (
    <CardPage
      brand={preview?.brand.name}
      title={t(isAgent ? "join.agentTitle" : placed ? "placed.title" : "join.title")}
    >
      {!isAgent && <Welcome />}
      {preview ? (
        <>
          <dl class="facts">
            <div>
              <dt>{t("join.business")}</dt>
              <dd>{preview.brand.name}</dd>
            </div>
            {isAgent
              ? preview.user && (
                  <div>
                    <dt>{t("join.user")}</dt>
                    <dd>{personName(preview.user)}</dd>
                  </div>
                )
              : preview.agent && (
                  <div>
                    <dt>{t("join.agent")}</dt>
                    <dd>{personName(preview.agent)}</dd>
                  </div>
                )}
            {preview.word && (
              <div>
                <dt>{t("join.word")}</dt>
                <dd class="word-big">{preview.word}</dd>
              </div>
            )}
          </dl>
          <p class="small muted">{t(preview.word ? "join.wordHint" : "join.wordLater")}</p>
          {!isAgent && (
            <>
              <h2>{t("join.shared")}</h2>
              <p>{t("join.shared.chat")}</p>
              <p class="muted">{t("join.not")}</p>
              {preview.disclose && <p class="muted">{t(`join.supervisors.${preview.disclose}`)}</p>}
            </>
          )}
        </>
      ) : (
        !problem && <p class="muted">{t("app.loading")}</p>
      )}
      {problem && <ProblemNotice problem={problem} retry={preview ? () => void join() : look} />}
      {preview && !problem && (
        <p>
          <button class="primary wide" type="button" disabled={busy} onClick={() => void join()}>
            {t(busy ? "join.joining" : "join.button")}
          </button>
        </p>
      )}
      {!isAgent && <p class="small muted">{t(placed ? "placed.hint" : "join.call")}</p>}
    </CardPage>
  );
}

/** The link opened once already, was taken back, or the session is over. */
function Refused({ why }: { why: string }) {
  const kind =
    why === "ended" || why === "expired" ? "ended" : why === "revoked" ? "revoked" : "used";
  return (
    <CardPage title={t(`join.${kind}.title`)}>
      <p>{t(`join.${kind}`)}</p>
      {kind !== "ended" && <ByCode />}
    </CardPage>
  );
}
