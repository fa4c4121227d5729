/** What /readyz says, in words. */
import { useState } from "preact/hooks";
import { exactTime } from "../lib/clock";
import { type Check, type Health as Tone, readiness } from "../lib/health";
import { type Key, t } from "../lib/words";
import { usePoll } from "./poll";

const EVERY_MS = 5000;

interface Answer {
  at: string;
  ready: boolean;
  checks: Check[];
}

const WORDS: Record<Tone, Key> = {
  live: "setup.ok",
  hold: "setup.unknown",
  danger: "setup.bad",
};
const ALL: Record<Tone, Key> = {
  live: "setup.ready",
  hold: "setup.notSure",
  danger: "setup.notReady",
};

/** As well as the worst of them. */
function overall({ ready, checks }: Answer): Tone {
  const has = (tone: Tone) => checks.some((check) => check.health === tone);
  return !ready || has("danger") ? "danger" : has("hold") ? "hold" : "live";
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
  const tone = answer && overall(answer);
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
      {answer && tone ? (
        <>
          <p class={`state ink-${tone}`} role="status">
            <span class="dot" aria-hidden="true" />
            {t(ALL[tone])}
          </p>
          {answer.checks.length > 0 && (
            <ul class="checks">
              {answer.checks.map((check) => (
                <li key={check.name}>
                  <span class={`state ink-${check.health}`}>
                    <span class="dot" aria-hidden="true" />
                    {t(WORDS[check.health])}
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
