/** The agent's pause in the queues of the PBXs: another switch than Ready, with the PBX's answer. */
import { useState } from "preact/hooks";
import { since } from "../lib/clock";
import { pauseInQueues } from "../lib/desk-actions";
import type { DeskFeed } from "../lib/desk-feed";
import { recall, remember } from "../lib/device";
import { asProblem, type Problem } from "../lib/http";
import type { PbxPause, QueuePause } from "../lib/types";
import { whyText } from "../lib/why";
import { t } from "../lib/words";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { Notice, problemText } from "./parts";
import { reasonName, Reasons } from "./reasons";

/** Of which wish the answers have been put away, in this browser. */
const AWAY = "tandem.pause.away";

export function QueueSwitch({ feed }: { feed: DeskFeed }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const pause = feed.pause.value;
  if (!pause) return null;
  const asked = pause.pbxs.some((one) => one.status === "open");

  const ask = async (paused: boolean, reason = "") => {
    setBusy(true);
    setProblem(null);
    try {
      feed.pause.value = await pauseInQueues(paused, reason);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="queue-switch">
      {pause.paused ? (
        <button type="button" disabled={busy} onClick={() => void ask(false)}>
          <Icon name="phone" />
          {t("queue.resume")}
        </button>
      ) : (
        <Menu
          disabled={busy}
          look="quiet"
          name={t("queue.pause")}
          label={
            <>
              <Icon name="phone" />
              {t("queue.pause")}
            </>
          }
        >
          {(close) => (
            <Reasons
              hint={t("queue.hint")}
              pick={(reason) => {
                close();
                void ask(true, reason);
              }}
            />
          )}
        </Menu>
      )}
      <p class={`queue-said small ink-${problem ? "danger" : "hold"}`} role="status">
        {problem ? problemText(problem) : asked ? t("queue.asking") : paused(pause)}
      </p>
      {pause.paused && !asked && !problem && (
        <time class="alerts-since small ink-hold">{since(pause.since)}</time>
      )}
    </div>
  );
}

function paused(pause: QueuePause): string {
  if (!pause.paused) return "";
  if (pause.reason) return t("queue.pausedFor", { reason: reasonName(pause.reason) });
  return t("queue.paused");
}

/** What did not go as asked, PBX by PBX; the agent puts it away. */
export function QueueAnswers({ feed }: { feed: DeskFeed }) {
  const [away, setAway] = useState(() => recall(AWAY));
  const pause = feed.pause.value;
  const told = pause?.pbxs.filter((one) => one.status !== "open" && one.status !== "done") ?? [];
  if (!pause || told.length === 0 || away === pause.since) return null;
  const putAway = () => {
    setAway(pause.since);
    remember(AWAY, pause.since);
  };
  const bad = told.some((one) => !one.already);
  return (
    <Notice tone={bad ? "danger" : "hold"}>
      <div>
        {told.map((one) => (
          <p key={one.pbx}>{answer(one)}</p>
        ))}
      </div>
      <span class="grow" />
      <button class="quiet" type="button" onClick={putAway}>
        <Icon name="cross" />
        <span class="hidden">{t("app.close")}</span>
      </button>
    </Notice>
  );
}

function answer(one: PbxPause): string {
  const { pbx } = one;
  if (one.already) return t(one.wanted ? "queue.alreadyPaused" : "queue.alreadyIn", { pbx });
  if (!one.member) return t("queue.noMember", { pbx });
  if (one.status === "expired") return t(one.linked ? "queue.late" : "queue.noConnector", { pbx });
  const key = one.wanted ? "queue.notPaused" : "queue.notResumed";
  return t(one.status === "unknown" ? "queue.unknown" : key, { pbx, why: whyText(one.code) });
}
