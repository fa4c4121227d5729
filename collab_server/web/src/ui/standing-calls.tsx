/** The agent's telephone calls as they stand, each with the way into a session. */
import { useState } from "preact/hooks";
import { since } from "../lib/clock";
import { startSession } from "../lib/desk-actions";
import type { DeskFeed } from "../lib/desk-feed";
import { recall, remember } from "../lib/device";
import { asProblem, type Problem } from "../lib/http";
import { personName } from "../lib/people";
import type { StandingCall } from "../lib/types";
import { t } from "../lib/words";
import { Fold } from "./fold";
import { PairBox } from "./pair-box";
import { ProblemNotice } from "./parts";
import { TYPES } from "./panel-types";

const LAST = "tandem.desk.type";

interface Props {
  feed: DeskFeed;
  open: (id: string) => void;
}

export function StandingCalls({ feed, open }: Props) {
  // A call whose session stands among the current ones is shown there, and once is enough.
  const shown = new Set(feed.current.value.map((view) => view.id));
  const calls = feed.calls.value.filter((call) => !shown.has(call.session ?? ""));
  const lost = unreached(feed);
  if (calls.length === 0 && feed.calls.value.length > 0 && lost.length === 0) return null;
  return (
    <section data-list="calls" aria-labelledby="calls-title">
      <h2 id="calls-title">
        {t("calls.title")} <span class="count">{calls.length}</span>
      </h2>
      {lost.length > 0 && (
        <p class="small ink-hold calls-lost" role="status">
          {t("calls.lost", { pbx: lost.join(", ") })}
        </p>
      )}
      {calls.length === 0 ? (
        <p class="muted small">{t("calls.none")}</p>
      ) : (
        <ul>
          {calls.map((call) => (
            <li key={`${call.pbx}/${call.id}`}>
              <OneCall call={call} open={open} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** PBXs whose calls stand here as they were last known; all of them, where none is reached. */
function unreached(feed: DeskFeed): string[] {
  const all = Object.entries(feed.pbxs.value);
  const lost = all.filter(([, linked]) => !linked).map(([pbx]) => pbx);
  if (lost.length === all.length) return lost;
  return lost.filter((pbx) => feed.calls.value.some((call) => call.pbx === pbx));
}

function OneCall({ call, open }: { call: StandingCall; open: (id: string) => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const name = call.user ? personName(call.user) : t("calls.unknown");

  const start = async (type: string) => {
    setBusy(true);
    setProblem(null);
    try {
      open((await startSession(call, type)).id);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="standing" data-call={call.id}>
      <p class="card-row">
        <strong class="call-name" title={call.user?.uri}>
          {name}
        </strong>
        <time class="call-age">{since(call.since)}</time>
      </p>
      <p class={`call-state ink-${call.held ? "hold" : "live"}`}>
        <span class="dot" aria-hidden="true" />
        {t(call.held ? "state.held" : "calls.talking")}
        {call.queue ? ` · ${call.queue}` : ""}
      </p>
      {call.session ? (
        <InSession id={call.session} open={open} />
      ) : (
        <>
          <Start name={name} busy={busy} start={start} />
          <Fold title={t("pair.title")}>
            <PairBox
              target={{ call: { pbx: call.pbx, id: call.id } }}
              user={call.user?.uri ?? ""}
              paired={open}
            />
          </Fold>
        </>
      )}
      {problem && <ProblemNotice problem={problem} />}
    </div>
  );
}

interface StartProps {
  name: string;
  busy: boolean;
  start: (type: string) => Promise<void>;
}

/** One button, and what it opens. */
function Start({ name, busy, start }: StartProps) {
  const [type, setType] = useState(() => recall(LAST) ?? TYPES[0]);
  return (
    <form
      class="standing-start"
      onSubmit={(event) => {
        event.preventDefault();
        remember(LAST, type);
        void start(type);
      }}
    >
      <select
        aria-label={t("calls.type", { user: name })}
        value={type}
        onChange={(event) => setType(event.currentTarget.value)}
      >
        {TYPES.map((one) => (
          <option key={one} value={one}>
            {t(`type.${one}`)}
          </option>
        ))}
      </select>
      <button class="primary" type="submit" disabled={busy}>
        {t("calls.start")}
      </button>
    </form>
  );
}

/** The session is not among the agent's current ones: it has gone on, the call has not. */
function InSession({ id, open }: { id: string; open: (id: string) => void }) {
  return (
    <p class="standing-start">
      <button type="button" onClick={() => open(id)}>
        {t("calls.toSession")}
      </button>
    </p>
  );
}
