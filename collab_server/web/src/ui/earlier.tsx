/** What came before with the caller: when, with whom, what came of it. */
import { useEffect, useState } from "preact/hooks";
import { shortTime } from "../lib/clock";
import { earlierSessions } from "../lib/desk-actions";
import { asProblem, type Problem } from "../lib/http";
import { outcomeName } from "../lib/outcomes";
import { personName } from "../lib/people";
import type { Earlier, View } from "../lib/types";
import { t, tOr } from "../lib/words";
import { ProblemNotice } from "./parts";

/** Shown while the agent serves the caller; what was read by then stays for the wrap-up. */
export function EarlierSessions({ view, mine }: { view: View; mine: boolean }) {
  const [items, setItems] = useState<Earlier[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (!mine) return;
    let current = true;
    setProblem(null);
    earlierSessions(view.id).then(
      (found) => current && setItems(found),
      (error: unknown) => current && setProblem(asProblem(error)),
    );
    return () => {
      current = false;
    };
  }, [view.id, mine, attempt]);

  if (problem && !items) {
    // Over, or another's: then there is nothing to say.
    return problem.unreachable ? (
      <section>
        <h2>{t("side.history")}</h2>
        <ProblemNotice problem={problem} retry={() => setAttempt(attempt + 1)} />
      </section>
    ) : null;
  }
  if (!items) return null;
  return (
    <section>
      <h2>
        {t("side.history")} {items.length > 0 && <span class="count">{items.length}</span>}
      </h2>
      {items.length === 0 ? (
        <p class="muted">{t("side.noHistory")}</p>
      ) : (
        <ol class="history">
          {items.map((item) => (
            <li key={item.id}>
              <One item={item} />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function One({ item }: { item: Earlier }) {
  const facts = [
    tOr(`type.${item.type}`, item.type),
    item.agent ? personName(item.agent) : t("side.noAgent"),
  ];
  return (
    <>
      <p class="history-head">
        <time dateTime={item.created}>{shortTime(item.created)}</time>
        {item.outcome && <strong class="tag">{outcomeName(item.outcome)}</strong>}
      </p>
      <p class="small muted">
        {facts.join(" · ")}
        {item.same === "number" && ` · ${t("side.sameNumber")}`}
      </p>
      {item.note && <p class="history-note">{item.note}</p>}
    </>
  );
}
