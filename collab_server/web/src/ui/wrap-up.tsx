/** Note and outcome of a session, kept with it. */
import { useState } from "preact/hooks";
import { recall, remember } from "../lib/device";
import { asProblem, type Problem, request } from "../lib/http";
import type { View } from "../lib/types";
import { outcomeName, outcomes } from "../lib/outcomes";
import { t } from "../lib/words";
import { ProblemNotice } from "./parts";

const LONGEST_NOTE = 4000;
const LONGEST_OUTCOME = 80;

interface Props {
  view: View;
  /** Given for a session that is over: saving it also closes it. */
  done?: () => void;
}

/** Where what is not saved yet waits for a reload. */
const draftOf = (view: View) => `tandem.note.${view.id}`;
const choiceOf = (view: View) => `tandem.outcome.${view.id}`;

/** What an agent reads whose session has gone to another: the note is theirs to write. */
export function WrapUpRead({ view }: { view: View }) {
  const { note = "", outcome = "" } = view.wrap_up ?? {};
  const unsaved = recall(draftOf(view), "session") ?? "";
  return (
    <section class="wrap-up">
      <h2>{t("side.note")}</h2>
      <p class="muted">{t("side.noteTheirs")}</p>
      {outcome && <p>{outcomeName(outcome)}</p>}
      {note && <p class="note">{note}</p>}
      {unsaved && unsaved !== note && (
        <label>
          <span>{t("side.noteUnsaved")}</span>
          <textarea rows={4} readOnly value={unsaved} />
        </label>
      )}
    </section>
  );
}

export function WrapUpForm({ view, done }: Props) {
  const draft = draftOf(view);
  const [note, setNote] = useState(recall(draft, "session") ?? view.wrap_up?.note ?? "");
  const choice = choiceOf(view);
  const [outcome, setOutcome] = useState(recall(choice, "session") ?? view.wrap_up?.outcome ?? "");
  const [busy, setBusy] = useState(false);
  const [saved, setSaved] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const save = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const path = `/v1/sessions/${encodeURIComponent(view.id)}/note`;
      await request("POST", path, { note, outcome, done: Boolean(done) });
      remember(draft, null, "session");
      remember(choice, null, "session");
      setSaved(true);
      done?.();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <section>
      {done && <h2>{t("side.wrapUp")}</h2>}
      <form
        class="wrap-up"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <label>
          <span>{t("side.note")}</span>
          <textarea
            rows={4}
            maxLength={LONGEST_NOTE}
            value={note}
            onInput={(event) => {
              setNote(event.currentTarget.value);
              setSaved(false);
              remember(draft, event.currentTarget.value, "session");
            }}
          />
        </label>
        <label>
          <span>{t("side.outcome")}</span>
          <OutcomeField
            value={outcome}
            change={(next) => {
              setOutcome(next);
              setSaved(false);
              remember(choice, next, "session");
            }}
          />
        </label>
        <p class="actions">
          <button class={done ? "primary" : ""} type="submit" disabled={busy}>
            {done ? t("side.done") : t("side.noteSave")}
          </button>
          <span class="small ink-live" role="status">
            {saved ? t("side.noteSaved") : ""}
          </span>
        </p>
        {problem && <ProblemNotice problem={problem} />}
      </form>
    </section>
  );
}

interface OutcomeProps {
  value: string;
  change: (next: string) => void;
}

/** A choice of the administrator's list; where there is none, a line of the agent's own. */
function OutcomeField({ value, change }: OutcomeProps) {
  const list = outcomes.value;
  if (list.length === 0) {
    return (
      <input
        value={value}
        maxLength={LONGEST_OUTCOME}
        placeholder={t("side.outcomeOwn")}
        onInput={(event) => change(event.currentTarget.value)}
      />
    );
  }
  const choices = value === "" || list.includes(value) ? list : [...list, value];
  return (
    <select value={value} onChange={(event) => change(event.currentTarget.value)}>
      <option value="">{t("side.outcome.")}</option>
      {choices.map((one) => (
        <option key={one} value={one}>
          {outcomeName(one)}
        </option>
      ))}
    </select>
  );
}
