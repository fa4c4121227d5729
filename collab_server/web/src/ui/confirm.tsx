/** Asks the agent whether who opened the link is the caller: both see one word, nobody else does. */
import { useState } from "preact/hooks";
import { asProblem, type Problem, request } from "../lib/http";
import type { View } from "../lib/types";
import { t } from "../lib/words";
import { ProblemNotice } from "./parts";
import "../style/invite.css";

export function ConfirmAsk({ view }: { view: View }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const word = view.invitation?.user.ways?.find((shown) => shown.state === "confirm")?.word;
  if (!word) return null;

  const answer = async (yes: boolean) => {
    setBusy(true);
    setProblem(null);
    try {
      await request("POST", `/v1/sessions/${encodeURIComponent(view.id)}/confirm`, { yes });
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <section class="notice tone-hold confirm" role="alert" aria-label={t("confirm.title")}>
      <p>{t("confirm.ask")}</p>
      <p class="confirm-word">{word}</p>
      <p class="actions">
        <button class="primary" type="button" disabled={busy} onClick={() => void answer(true)}>
          {t("confirm.yes")}
        </button>
        <button type="button" disabled={busy} onClick={() => void answer(false)}>
          {t("confirm.no")}
        </button>
      </p>
      {problem && <ProblemNotice problem={problem} />}
    </section>
  );
}
