/** What supervisors whisper: read by the session's agent, written on the floor. */
import { useEffect, useRef, useState } from "preact/hooks";
import { shortTime } from "../lib/clock";
import { asProblem, type Problem, request } from "../lib/http";
import { personName } from "../lib/people";
import type { View, Whisper } from "../lib/types";
import { t } from "../lib/words";
import { ProblemNotice } from "./parts";
import "../style/consent.css";

/** Longest whisper, in characters: the server takes no more. */
const LONGEST = 1000;
const RETRY_MS = 3_000;

/** The session's whispers, fetched anew whenever the view counts more of them. */
function useWhispers(view: View): Whisper[] {
  const [items, setItems] = useState<Whisper[]>([]);
  const [attempt, setAttempt] = useState(0);
  const count = view.whispers ?? 0;
  const agent = view.agent?.uri ?? "";
  useEffect(() => {
    let timer = 0;
    let current = true;
    if (!count) setItems([]);
    else {
      request<{ items: Whisper[] }>("GET", `/v1/sessions/${view.id}/whispers`).then(
        (answer) => current && setItems(answer.items),
        (error: unknown) => {
          // Refused for good (the session went on to another agent): nothing to show.
          if (!current || !asProblem(error).unreachable) return;
          timer = window.setTimeout(() => setAttempt(attempt + 1), RETRY_MS);
        },
      );
    }
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [view.id, count, agent, attempt]);
  return items;
}

/** On the agent's page; nothing while there is none. */
export function Whispers({ view }: { view: View }) {
  const items = useWhispers(view);
  return (
    <div class="whispers" aria-live="polite">
      {items.length > 0 && (
        <>
          <h2>{t("whisper.title")}</h2>
          <p class="small muted">{t("whisper.only")}</p>
          <List items={items} named={(one) => personName(one.by)} />
        </>
      )}
    </div>
  );
}

/** On the floor: what was whispered so far, and a line to whisper. */
export function WhisperForm({ view }: { view: View }) {
  const items = useWhispers(view);
  const field = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [sent, setSent] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const agent = personName(view.agent);
  if (!agent) return <p class="muted">{t("whisper.none")}</p>;

  const send = async () => {
    const text = field.current?.value.trim();
    if (!text || busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await request("POST", `/v1/sessions/${view.id}/whispers`, { text });
      if (field.current) field.current.value = "";
      setSent(true);
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
    field.current?.focus();
  };

  return (
    <form
      class="whispers"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <List items={items} named={(one) => t("whisper.before", { agent: personName(one.to) })} />
      <label for="whisper">{t("whisper.label", { agent })}</label>
      <div class="whisper-row">
        <input
          id="whisper"
          ref={field}
          maxLength={LONGEST}
          autocomplete="off"
          dir="auto"
          aria-describedby="whisper-hint"
          onInput={() => setSent(false)}
        />
        <button type="submit" disabled={busy}>
          {t("whisper.send")}
        </button>
      </div>
      <p class="small muted" id="whisper-hint" role="status">
        {sent ? t("whisper.sent") : t("whisper.hint", { agent })}
      </p>
      {problem && <ProblemNotice problem={problem} />}
    </form>
  );
}

function List({ items, named }: { items: Whisper[]; named: (one: Whisper) => string }) {
  return (
    <ol class="whisper-list">
      {items.map((one) => (
        <li key={one.n}>
          <span class="muted small">
            {named(one)} <time dateTime={one.at}>{shortTime(one.at)}</time>
          </span>
          <p dir="auto">{one.text}</p>
        </li>
      ))}
    </ol>
  );
}
