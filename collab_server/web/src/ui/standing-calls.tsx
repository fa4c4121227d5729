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
import { Menu } from "./menu";
import { PairBox } from "./pair-box";
import { ProblemNotice } from "./parts";

const TYPES = ["form", "cobrowse", "chat", "whiteboard", "files", "screen", "video"] as const;
const LAST = "tandem.desk.type";

interface Props {
  feed: DeskFeed;
  open: (id: string) => void;
}

export function StandingCalls({ feed, open }: Props) {
  const calls = feed.calls.value;
  const lost = unreached(feed);
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
        <InSession name={name} id={call.session} busy={busy} start={start} open={open} />
      ) : (
        <>
          <Start name={name} busy={busy} start={start} />
          <details class="standing-pair">
            <summary>{t("pair.title")}</summary>
            <PairBox
              target={{ call: { pbx: call.pbx, id: call.id } }}
              user={call.user?.uri ?? ""}
              paired={open}
              named
            />
          </details>
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

/** Where a session stands: the way to it, and one more panel. */
function InSession(props: StartProps & { id: string; open: (id: string) => void }) {
  const { name, busy, start, id, open } = props;
  return (
    <p class="standing-start">
      <button type="button" onClick={() => open(id)}>
        {t("calls.toSession")}
      </button>
      <Menu
        look="quiet"
        name={t("calls.addTo", { user: name })}
        label={t("calls.add")}
        disabled={busy}
      >
        {(close) => (
          <div class="menu-list">
            {TYPES.map((one) => (
              <button
                key={one}
                class="quiet"
                type="button"
                onClick={() => {
                  close();
                  void start(one);
                }}
              >
                {t(`type.${one}`)}
              </button>
            ))}
          </div>
        )}
      </Menu>
    </p>
  );
}
