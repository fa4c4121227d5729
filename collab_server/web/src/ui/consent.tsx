/** Consent on the caller's page: they are asked again after a transfer. */
import { useState } from "preact/hooks";
import { asking, refused } from "../lib/consent";
import { asProblem, type Problem, request } from "../lib/http";
import { personName } from "../lib/people";
import type { View } from "../lib/types";
import { t, tOr } from "../lib/words";
import { ProblemNotice } from "./parts";
import "../style/consent.css";

/** Under the strip of the caller's page: the question, or the way back from a no. */
export function ConsentBar({ view }: { view: View }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const agent = personName(view.agent);
  const uri = view.agent?.uri;
  if (!uri || !(asking(view) || refused(view))) return null;

  const answer = async (agree: boolean) => {
    setBusy(true);
    setProblem(null);
    try {
      await request("POST", `/v1/sessions/${view.id}/consent`, { agent: uri, agree });
    } catch (error) {
      const said = asProblem(error);
      // 409: somebody else has the call by now; the page is about to ask for them.
      if (said.status !== 409) setProblem(said);
    }
    setBusy(false);
  };

  return (
    <section
      class={`consent ${asking(view) ? "consent-asks" : ""}`}
      aria-label={t("consent.title", { agent })}
    >
      {asking(view) && (
        <>
          <h2>{t("consent.title", { agent })}</h2>
          <p>
            {t("consent.about", { type: tOr(`type.${view.type}`, view.type) })}{" "}
            {t("consent.text", { agent })}
          </p>
          <p class="actions">
            <button class="primary" type="button" disabled={busy} onClick={() => void answer(true)}>
              {t("consent.yes", { agent })}
            </button>
            <button type="button" disabled={busy} onClick={() => void answer(false)}>
              {t("consent.no")}
            </button>
          </p>
        </>
      )}
      {refused(view) && (
        <p class="actions">
          <button type="button" disabled={busy} onClick={() => void answer(true)}>
            {t("consent.change", { agent })}
          </button>
        </p>
      )}
      {problem && <ProblemNotice problem={problem} />}
    </section>
  );
}
