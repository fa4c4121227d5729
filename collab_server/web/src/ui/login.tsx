/** The agents' log-in, for the desk and the set-up page. */
import { useState } from "preact/hooks";
import { asProblem, type Problem } from "../lib/http";
import { logIn } from "../lib/me";
import type { Me } from "../lib/types";
import { t } from "../lib/words";
import { Brand, LanguageSwitch, Notice, ProblemNotice } from "./parts";
import "../style/agent.css";

interface Props {
  entered: (me: Me) => void;
  brand?: string | undefined;
  /** Said above the form, such as that the log-in was ended. */
  notice?: string | undefined;
}

export function LogIn({ entered, brand, notice }: Props) {
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
    <div class="agent page">
      <header class="top">
        <Brand name={brand} />
        <LanguageSwitch />
      </header>
      <main class="middle">
        <form
          class="card login"
          onSubmit={(event) => {
            event.preventDefault();
            void submit(event.currentTarget);
          }}
        >
          <h1>{t("login.title")}</h1>
          {notice && <Notice>{notice}</Notice>}
          {problem &&
            (problem.status === 401 ? (
              <Notice tone="danger">{t("login.wrong")}</Notice>
            ) : problem.status === 429 ? (
              <Notice tone="danger">
                {t("login.slow", { seconds: problem.retryAfter || 60 })}
              </Notice>
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
          <button class="primary" type="submit" disabled={busy}>
            {t(busy ? "login.busy" : "login.button")}
          </button>
          <p class="small muted">{t("login.help")}</p>
        </form>
      </main>
    </div>
  );
}
