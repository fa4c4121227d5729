/** Ready or paused at the desk, and whether alerts can reach the agent. */
import { useState } from "preact/hooks";
import { alerting, askable, silent, unlockAlerts } from "../lib/alerts";
import { since } from "../lib/clock";
import { sayPaused, sayReady } from "../lib/desk-actions";
import type { DeskFeed } from "../lib/desk-feed";
import { asProblem, type Problem } from "../lib/http";
import { type Key, t } from "../lib/words";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { problemText } from "./parts";
import { reasonName, Reasons } from "./reasons";

const ALERTS: Record<string, Key> = {
  on: "desk.alertsOn",
  blocked: "desk.alertsBlocked",
  page: "desk.alertsPage",
};

export function Ready({ feed }: { feed: DeskFeed }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const state = feed.state.value;
  const ready = state?.state === "ready";

  const say = async (what: () => Promise<NonNullable<typeof state>>) => {
    setBusy(true);
    setProblem(null);
    try {
      const said = await what();
      // While the desk is not connected, what counts comes with its next connection.
      if (said.state !== "offline") feed.state.value = said;
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {ready ? (
        <Menu label={t("pause.button")} name={t("pause.atDesk")} disabled={busy}>
          {(close) => (
            <Reasons
              hint={t("pause.deskHint")}
              pick={(reason) => {
                close();
                void say(() => sayPaused(reason));
              }}
            />
          )}
        </Menu>
      ) : (
        <button
          class="primary"
          type="button"
          disabled={busy || !state}
          onClick={() => {
            void unlockAlerts();
            void say(sayReady);
          }}
        >
          {t("desk.ready")}
        </button>
      )}
      {problem ? (
        <p class="alerts ink-danger" role="alert">
          {problemText(problem)}
        </p>
      ) : (
        <Standing feed={feed} />
      )}
    </>
  );
}

/** In sight all the time: ready or why not, and how far alerts reach. */
function Standing({ feed }: { feed: DeskFeed }) {
  const state = feed.state.value;
  if (state?.state === "ready") {
    const tone = alerting.value === "blocked" ? "hold" : "live";
    return (
      <>
        <p class={`alerts ink-${tone}`} role="status">
          <Icon name={alerting.value === "blocked" ? "bellOff" : "bell"} />
          <span>
            {t(ALERTS[alerting.value] ?? "desk.alertsPage")}
            {silent.value && <span class="alerts-sound"> {t("desk.alertsSilent")}</span>}
          </span>
        </p>
        {askable.value && (
          // Ready was said in another browser, or the question was put off there.
          <button class="alerts-allow" type="button" onClick={() => void unlockAlerts()}>
            {t("desk.allow")}
          </button>
        )}
      </>
    );
  }
  const why = state?.reason ? reasonName(state.reason) : "";
  return (
    <p class="alerts ink-hold">
      <Icon name="pause" />
      <span>
        <span role="status">{why ? t("pause.paused", { reason: why }) : t("desk.alertsOff")}</span>
        {why && <time class="alerts-since"> {since(state?.since)}</time>}
      </span>
    </p>
  );
}
