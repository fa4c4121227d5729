/** The way of one call, from the wire to the browser, and where it stopped. */
import { useState } from "preact/hooks";
import { delta, exactTime } from "../lib/clock";
import { asProblem, type Problem, request } from "../lib/http";
import type { CallItem, Stop, Trace, TraceItem } from "../lib/types";
import { t, tOr } from "../lib/words";
import { callType } from "../lib/calls";
import { Icon } from "./icons";
import { Notice, ProblemNotice } from "./parts";
import { usePoll } from "./poll";

const EVERY_MS = 2000;

/** The stages a collaboration call goes through, in order. */
const STAGES = [
  "wire",
  "mark",
  "queue",
  "agent",
  "outbox",
  "server",
  "invitation",
  "message",
  "browser",
  "end",
];

/** Stages without a line of their own when all goes well, or when there is no queue. */
const OPTIONAL = new Set(["queue", "outbox"]);

interface Props {
  /** "pbx/id" */
  call: string;
  close: () => void;
}

export function OneTrace({ call, close }: Props) {
  const [trace, setTrace] = useState<Trace | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [pbx = "", ...rest] = call.split("/");
  const id = rest.join("/");
  const path = `/v1/calls/${encodeURIComponent(pbx)}/${encodeURIComponent(id)}/trace`;

  usePoll(
    async () => {
      try {
        setTrace(await request<Trace>("GET", path));
        setProblem(null);
      } catch (error) {
        setProblem(asProblem(error));
      }
    },
    EVERY_MS,
    path,
  );

  const start = trace?.items[0]?.at;
  const stop = trace && stopOf(trace);
  return (
    <div class="trace">
      <div class="box-head">
        <button class="quiet traces-back" type="button" onClick={close}>
          <Icon name="back" />
          {t("app.back")}
        </button>
        <h3 class="break">{id}</h3>
      </div>
      {problem && <ProblemNotice problem={problem} />}
      {!trace && !problem && <p class="muted">{t("app.loading")}</p>}
      {trace && (
        <>
          {trace.stopped && <Stopped call={trace.call} stop={trace.stopped} />}
          <Way trace={trace} />
          <Facts trace={trace} />
          {trace.items.length === 0 ? (
            <p class="muted">{t("setup.noItems")}</p>
          ) : (
            <ol class="timeline">
              {trace.items.map((item, index) => (
                <Step
                  key={`${item.at} ${index}`}
                  item={item}
                  stopped={item === stop}
                  before={trace.items[index - 1]?.at}
                  start={start ?? item.at}
                />
              ))}
            </ol>
          )}
        </>
      )}
    </div>
  );
}

/** The one line where the call stopped, which `stopped` quotes; none for an ordinary call. */
function stopOf({ call, stopped, items }: Trace): TraceItem | null {
  if (!stopped || call.ordinary) return null;
  const here = items.filter((item) => item.stopped && item.stage === stopped.stage);
  return here.find((item) => item.text === stopped.reason) ?? here.at(-1) ?? null;
}

function Stopped({ call, stop }: { call: CallItem; stop: Stop }) {
  if (call.ordinary) {
    return (
      <Notice>
        <strong>{t("type.call")}</strong>
        <p>{stop.reason}</p>
      </Notice>
    );
  }
  return (
    <Notice tone="danger">
      <strong>{tOr(`stage.${stop.stage}`, stop.stage)}</strong>
      <p>{t("setup.stopped", { reason: stop.reason })}</p>
    </Notice>
  );
}

/** Which stages the call reached, at a glance. */
function Way({ trace }: { trace: Trace }) {
  const { call } = trace;
  const reached = new Map<string, TraceItem>();
  trace.items.forEach((item) => {
    const says = !(call.ordinary && item.stage === "mark"); // there is none, says the line
    if (says && (!reached.has(item.stage) || item.stopped)) reached.set(item.stage, item);
  });
  const over = call.state === "ended";
  // The agent's own page may have been there all the time; the link is the caller's.
  const opened = trace.items.some(
    (item) => item.stage === "browser" && item.text.startsWith("user "),
  );
  return (
    <ol class="way">
      {STAGES.filter((stage) => reached.has(stage) || !OPTIONAL.has(stage)).map((stage) => {
        const found = reached.get(stage);
        const stop = !call.ordinary && trace.stopped?.stage === stage;
        const unopened = over && !opened && stage === "browser" && reached.has("invitation");
        const item = unopened ? undefined : found;
        const missed = over ? "setup.wayMissed" : "setup.wayOpen";
        const word = stop ? "setup.wayStopped" : unopened ? "setup.wayUnopened" : missed;
        return (
          <li key={stage} class={stop ? "way-stop" : item ? "way-on" : "way-off"}>
            <Icon name={stop ? "cross" : item ? "check" : over ? "dash" : "clock"} />
            {tOr(`stage.${stage}`, stage)}
            <span class={unopened ? "" : "hidden"}>
              {item && !stop ? exactTime(item.at) : t(word)}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function Facts({ trace }: { trace: Trace }) {
  const { call } = trace;
  const facts: [string, string | null][] = [
    ["PBX", call.pbx],
    [t("side.type"), callType(call)],
    [t("role.user"), call.user_uri],
    [t("role.agent"), call.agent_uri],
    [t("side.queue"), call.queue],
    [t("setup.cause"), call.cause],
    [t("setup.session"), trace.session ?? t("setup.noSession")],
    [t("setup.aliases"), call.aliases.join(", ")],
  ];
  return (
    <dl class="trace-facts">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="break">{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function Step({
  item,
  stopped,
  before,
  start,
}: {
  item: TraceItem;
  stopped: boolean;
  before: string | undefined;
  start: string;
}) {
  return (
    <li class={stopped ? "step step-stop" : "step"} data-stage={item.stage}>
      <time dateTime={item.at}>
        {exactTime(item.at)}
        <span class="muted" title={delta(start, item.at)}>
          {before ? delta(before, item.at) : t("setup.begins")}
        </span>
      </time>
      <div>
        <span class="step-stage">{tOr(`stage.${item.stage}`, item.stage)}</span>
        {stopped && <strong class="ink-danger">{t("setup.stoppedHere")}</strong>}
        <p class="break">{item.text}</p>
      </div>
    </li>
  );
}
