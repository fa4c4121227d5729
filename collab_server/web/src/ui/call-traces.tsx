/** Call trace: 'why did this call get no session?' A list of calls, and one call's way. */
import { useEffect, useState } from "preact/hooks";
import { callType } from "../lib/calls";
import { exactTime, shortTime, since } from "../lib/clock";
import { recall, remember } from "../lib/device";
import { asProblem, type Problem, request } from "../lib/http";
import { uriLabel } from "../lib/people";
import type { CallItem, Page } from "../lib/types";
import { t, tOr } from "../lib/words";
import { Icon } from "./icons";
import { ProblemNotice } from "./parts";
import { usePoll } from "./poll";
import { OneTrace } from "./one-trace";

const EVERY_MS = 3000;
/** Calls held in the page at most. */
const MOST = 2000;
/** Whether the reader wants to see collaboration calls only; ordinary ones answer questions too. */
const ONLY = "tandem.setup.collaboration";

export const callKey = (call: { pbx: string; id: string }) => `${call.pbx}/${call.id}`;

function asked(): string | null {
  return new URLSearchParams(location.search).get("call");
}

/** Newest first; what was fetched again replaces what was there. */
function merged(before: readonly CallItem[], page: readonly CallItem[]): CallItem[] {
  const known = new Map(before.map((call) => [callKey(call), call]));
  page.forEach((call) => known.set(callKey(call), call));
  return [...known.values()]
    .sort((a, b) => Date.parse(b.first_seen) - Date.parse(a.first_seen))
    .slice(0, MOST);
}

export function CallTraces() {
  const [calls, setCalls] = useState<readonly CallItem[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [at, setAt] = useState("");
  const [words, setWords] = useState("");
  const [stopped, setStopped] = useState(false);
  const [only, setOnly] = useState(() => recall(ONLY) === "1");
  const [opened, setOpened] = useState<string | null>(asked);

  useEffect(() => {
    const back = () => setOpened(asked());
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);

  const load = async (path: string, first: boolean) => {
    try {
      const page = await request<Page<CallItem>>("GET", path);
      setCalls((before) => merged(before ?? [], page.items));
      setNext((before) => (first && calls !== null ? before : page.next));
      setProblem(null);
      setAt(new Date().toISOString());
    } catch (error) {
      setProblem(asProblem(error));
    }
  };
  const list = `/v1/calls?all=1${only ? "&collaboration=1" : ""}`;
  usePoll(() => load(list, true), EVERY_MS, list);

  const open = (call: CallItem) => {
    const key = callKey(call);
    history.pushState(null, "", `/setup?${new URLSearchParams({ call: key })}`);
    setOpened(key);
  };
  const close = () => {
    history.pushState(null, "", "/setup");
    setOpened(null);
  };
  const choose = (checked: boolean) => {
    remember(ONLY, checked ? "1" : null);
    setOnly(checked);
    setCalls(null); // the next list begins at its own first page
    setNext(null);
  };
  const wanted = (call: CallItem) => !call.ordinary || !(only || stopped);
  const shown = (calls ?? []).filter(
    (call) => wanted(call) && (!stopped || call.stopped) && matches(call, words),
  );

  return (
    <section class={`box traces ${opened ? "traces-open" : ""}`} aria-labelledby="trace-title">
      <div class="traces-list">
        <div class="box-head">
          <h2 id="trace-title">{t("setup.trace")}</h2>
          <span class="small muted">
            {at && t("setup.live", { time: exactTime(at).slice(0, 8) })}
          </span>
        </div>
        <p class="small muted">{t("setup.traceHint")}</p>
        <div class="filters" role="search">
          <label class="search">
            <Icon name="search" />
            <span class="hidden">{t("setup.search")}</span>
            <input
              type="search"
              value={words}
              maxLength={200}
              placeholder={t("setup.searchHint")}
              onInput={(event) => setWords(event.currentTarget.value)}
            />
          </label>
          <div class="ticks">
            <label class="tick-box">
              <input
                type="checkbox"
                checked={stopped}
                onChange={(event) => setStopped(event.currentTarget.checked)}
              />
              {t("setup.onlyStopped")}
            </label>
            <label class="tick-box">
              <input
                type="checkbox"
                checked={only}
                onChange={(event) => choose(event.currentTarget.checked)}
              />
              {t("setup.onlyCollaboration")}
            </label>
          </div>
        </div>
        {problem && <ProblemNotice problem={problem} />}
        {calls === null && !problem && <p class="muted">{t("app.loading")}</p>}
        {calls?.length === 0 && (
          <div class="empty">
            <p>{t("setup.noCalls")}</p>
            <p class="small muted">{t("setup.noCallsHint")}</p>
          </div>
        )}
        {calls !== null && calls.length > 0 && shown.length === 0 && (
          <p class="muted">{t("setup.noMatch")}</p>
        )}
        <ul class="calls" aria-label={t("setup.calls")}>
          {shown.map((call) => (
            <li key={callKey(call)}>
              <CallCard call={call} isOpen={callKey(call) === opened} open={() => open(call)} />
            </li>
          ))}
        </ul>
        {next && (
          <p>
            <button type="button" onClick={() => void load(next, false)}>
              {t("setup.more")}
            </button>
          </p>
        )}
      </div>
      <div class="traces-one">
        {opened ? (
          <OneTrace key={opened} call={opened} close={close} />
        ) : (
          <p class="muted traces-pick">{t("setup.pick")}</p>
        )}
      </div>
    </section>
  );
}

function matches(call: CallItem, words: string): boolean {
  const text = [
    call.pbx,
    call.id,
    ...call.aliases,
    call.user_uri,
    call.agent_uri,
    call.queue,
    call.type,
    call.cause,
    call.session,
    call.stopped?.reason,
  ]
    .join(" ")
    .toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

interface CardProps {
  call: CallItem;
  isOpen: boolean;
  open: () => void;
}

function CallCard({ call, isOpen, open }: CardProps) {
  const stop = call.ordinary ? null : call.stopped;
  const over = call.ordinary || call.state === "ended";
  const tone = stop ? "danger" : over ? "calm" : call.held ? "hold" : "live";
  return (
    <button
      class={`call ${isOpen ? "call-open" : ""} ${call.ordinary ? "call-ordinary" : ""}`}
      type="button"
      aria-current={isOpen ? "true" : undefined}
      onClick={open}
      data-call={callKey(call)}
    >
      <span class="call-name">
        {call.user_uri ? uriLabel(call.user_uri) : call.id}
        {call.agent_uri && <span class="muted"> → {uriLabel(call.agent_uri)}</span>}
      </span>
      <span class="call-age">
        {shortTime(call.first_seen)} · {since(call.first_seen, call.ended)}
      </span>
      <span class={`call-state ink-${tone}`}>
        <span class="dot" aria-hidden="true" />
        {stop ? t("setup.stopped", { reason: stop.reason }) : tOr(`call.${call.state}`, call.state)}
      </span>
      <span class="call-type">{callType(call)}</span>
    </button>
  );
}
