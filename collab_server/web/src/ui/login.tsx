/** The agents' log-in: at the provider, with a password, or either. */
import { useEffect, useState } from "preact/hooks";
import { asProblem, type Problem } from "../lib/http";
import { type LoginWays, loadWays, type Refusal, signInAddress } from "../lib/login";
import { logIn } from "../lib/me";
import type { Me } from "../lib/types";
import { type Key, t } from "../lib/words";
import { useRetry } from "./hooks";
import { Brand, LanguageSwitch, Notice, ProblemNotice } from "./parts";
import "../style/agent.css";
import "../style/login.css";

/** What a refusal says, by the server's word for it. */
const SENTENCES = new Map<string, Key>([
  ["denied", "login.refused.denied"],
  ["expired", "login.refused.expired"],
  ["down", "login.refused.down"],
  ["account", "login.refused.account"],
  ["unverified", "login.refused.unverified"],
  ["off", "login.refused.off"],
  ["busy", "login.refused.busy"],
]);

interface Props {
  entered: (me: Me) => void;
  brand?: string | undefined;
  /** Said above the form, such as that the log-in was ended. */
  notice?: string | undefined;
  /** What came of a sign-in at the provider. */
  refusal: Refusal | null;
}

export function LogIn({ entered, brand, notice, refusal }: Props) {
  const [ways, setWays] = useState<LoginWays | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    setProblem(null);
    loadWays().then(setWays, (error: unknown) => setProblem(asProblem(error)));
  }, [attempt]);
  const again = () => setAttempt(attempt + 1);
  useRetry(problem, again);

  return (
    <div class="agent page">
      <header class="top">
        <Brand name={brand} />
        <LanguageSwitch />
      </header>
      <main class="middle">
        <div class="card login">
          <h1>{t("login.title")}</h1>
          {notice && <Notice>{notice}</Notice>}
          {refusal && ways && <Refused refusal={refusal} ways={ways} />}
          {problem && <ProblemNotice problem={problem} retry={again} />}
          {ways?.oidc && (
            <a class="button primary" href={signInAddress(ways.oidc.url, refusal)}>
              {t("login.provider", { provider: ways.oidc.label })}
            </a>
          )}
          {ways?.oidc && ways.password && <p class="login-or muted small">{t("login.or")}</p>}
          {ways?.password && <PasswordForm entered={entered} second={ways.oidc !== null} />}
        </div>
      </main>
    </div>
  );
}

function Refused({ refusal, ways }: { refusal: Refusal; ways: LoginWays }) {
  const provider = ways.oidc?.label ?? "";
  return (
    <Notice tone="danger">
      <p>{t(SENTENCES.get(refusal.word) ?? "login.refused.failed", { provider })}</p>
      {refusal.reference && (
        <p class="small">{t("app.reference", { reference: refusal.reference })}</p>
      )}
    </Notice>
  );
}

interface FormProps {
  entered: (me: Me) => void;
  /** Another way comes first. */
  second: boolean;
}

function PasswordForm({ entered, second }: FormProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const submit = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    setBusy(true);
    setProblem(null);
    try {
      entered(await logIn(String(data.get("username")).trim(), String(data.get("password"))));
    } catch (error) {
      setProblem(asProblem(error));
      form.querySelector<HTMLInputElement>("[name=password]")?.select();
    } finally {
      setBusy(false);
    }
  };

  return (
    <form
      class="login-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      {problem &&
        (problem.status === 401 ? (
          <Notice tone="danger">{t("login.wrong")}</Notice>
        ) : problem.kind === "account-off" ? (
          <Notice tone="danger">{t("login.off")}</Notice>
        ) : problem.status === 429 ? (
          <Notice tone="danger">{t("login.slow", { seconds: problem.retryAfter || 60 })}</Notice>
        ) : (
          <ProblemNotice problem={problem} />
        ))}
      <label>
        <span>{t("login.name")}</span>
        <input
          name="username"
          required
          maxLength={200}
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
        />
      </label>
      <label>
        <span>{t("login.password")}</span>
        <input
          name="password"
          type="password"
          required
          maxLength={200}
          autocomplete="current-password"
        />
      </label>
      <button class={second ? "" : "primary"} type="submit" disabled={busy}>
        {t(busy ? "login.busy" : "login.button")}
      </button>
      {!second && <p class="small muted">{t("login.help")}</p>}
    </form>
  );
}
