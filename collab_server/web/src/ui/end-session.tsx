/** Ends the session for both sides, after asking. */
import { useRef, useState } from "preact/hooks";
import { asProblem, type Problem, request } from "../lib/http";
import { noTelephone } from "../lib/placed";
import type { View } from "../lib/types";
import { t } from "../lib/words";
import { ProblemNotice } from "./parts";

export function EndSession({ view }: { view: View }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);

  const end = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await request("POST", `/v1/sessions/${encodeURIComponent(view.id)}/end`, {});
      dialog.current?.close();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <section>
      <button class="danger" type="button" onClick={() => dialog.current?.showModal()}>
        {t("side.end")}
      </button>
      <dialog ref={dialog} aria-labelledby="end-title">
        <h2 id="end-title">{t("side.endAsk")}</h2>
        <p>{t(noTelephone(view) ? "side.endHintPlaced" : "side.endHint")}</p>
        {problem && <ProblemNotice problem={problem} />}
        <p class="actions">
          <button class="danger" type="button" disabled={busy} onClick={() => void end()}>
            {t("side.end")}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            {t("app.cancel")}
          </button>
        </p>
      </dialog>
    </section>
  );
}
