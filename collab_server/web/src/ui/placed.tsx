/** The user's page of a call without a telephone: the place in line, and the way out. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type Problem, request, sayLast } from "../lib/http";
import { noTelephone, waits } from "../lib/placed";
import type { View } from "../lib/types";
import { t } from "../lib/words";
import { Icon } from "./icons";
import { ProblemNotice } from "./parts";

const path = (view: View, what: string) => `/v1/sessions/${encodeURIComponent(view.id)}/${what}`;

/** Tell the server when this page closes for good, so that nobody waits for it in the line. */
export function useFarewell(view: View | null): void {
  const shown = useRef(view);
  shown.current = view;
  useEffect(() => {
    const hidden = (event: PageTransitionEvent) => {
      const now = shown.current;
      // A page that the browser keeps may come back: it is away, not closed.
      if (event.persisted || !now || !noTelephone(now) || now.state === "ended") return;
      sayLast(path(now, "closed"), {});
    };
    addEventListener("pagehide", hidden);
    return () => removeEventListener("pagehide", hidden);
  }, []);
}

/** The place in line, as large as what it is about; no minutes, for nobody knows them. */
export function PlaceInLine({ view }: { view: View }) {
  return (
    <section class="place">
      <p class="place-name">{view.position ? t("placed.place") : t("placed.soon")}</p>
      {view.position && (
        <p class="place-number" data-place>
          {view.position}
        </p>
      )}
      <p class="small muted">{t("placed.write")}</p>
    </section>
  );
}

/** Leaves the line, or ends the session, after asking. */
export function Leave({ view }: { view: View }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const line = waits(view);

  const leave = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await request("POST", path(view, "end"), { reason: "user" });
      dialog.current?.close();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <>
      <button class="bar-button" type="button" onClick={() => dialog.current?.showModal()}>
        <Icon name="stop" />
        {t(line ? "placed.leaveLine" : "placed.leave")}
      </button>
      <dialog ref={dialog} aria-labelledby="leave-title">
        <h2 id="leave-title">{t(line ? "placed.leaveAsk" : "placed.endAsk")}</h2>
        <p>{t(line ? "placed.leaveHint" : "placed.endHint")}</p>
        {problem && <ProblemNotice problem={problem} />}
        <p class="actions">
          <button class="danger" type="button" disabled={busy} onClick={() => void leave()}>
            {t("placed.leave")}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            {t("placed.stayHere")}
          </button>
        </p>
      </dialog>
    </>
  );
}
