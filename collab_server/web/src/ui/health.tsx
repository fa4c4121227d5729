/** What /readyz says, in words. */
import { useState } from "preact/hooks";
import { exactTime } from "../lib/clock";
import { type Check, readiness } from "../lib/health";
import { t } from "../lib/words";
import { usePoll } from "./poll";

const EVERY_MS = 5000;

interface Answer {
  at: string;
  ready: boolean;
  checks: Check[];
}

export function Health() {
  const [answer, setAnswer] = useState<Answer | null>(null);
  usePoll(
    async () => {
      setAnswer({ at: new Date().toISOString(), ...(await readiness()) });
    },
    EVERY_MS,
    "",
  );
  const fine = answer?.ready && answer.checks.every((check) => check.ok);
  return (
    <section class="box" aria-labelledby="health-title">
      <div class="box-head">
        <h2 id="health-title">{t("setup.health")}</h2>
        {answer && (
          <span class="small muted">
            {t("setup.checked", { time: exactTime(answer.at).slice(0, 8) })}
          </span>
        )}
      </div>
      {answer ? (
        <>
          <p class={`state ink-${fine ? "live" : "danger"}`} role="status">
            <span class="dot" aria-hidden="true" />
            {t(fine ? "setup.ready" : "setup.notReady")}
          </p>
          {answer.checks.length > 0 && (
            <ul class="checks">
              {answer.checks.map((check) => (
                <li key={check.name}>
                  <span class={`state ink-${check.ok ? "live" : "danger"}`}>
                    <span class="dot" aria-hidden="true" />
                    {t(check.ok ? "setup.ok" : "setup.bad")}
                  </span>
                  <span>
                    <strong>{check.name}</strong> <span class="muted break">{check.detail}</span>
                  </span>
                </li>
              ))}
            </ul>
          )}
        </>
      ) : (
        <p class="muted">{t("app.loading")}</p>
      )}
    </section>
  );
}
