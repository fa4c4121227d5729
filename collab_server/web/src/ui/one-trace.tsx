/** The way of one call, from the wire to the browser, and where it stopped. */
import { useState } from "preact/hooks";
import { delta, exactTime } from "../lib/clock";
import { asProblem, type Problem, request } from "../lib/http";
import type { Trace, TraceItem } from "../lib/types";
import { t, tOr } from "../lib/words";
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
          {trace.stopped && (
            <Notice tone="danger">
              <strong>{tOr(`stage.${trace.stopped.stage}`, trace.stopped.stage)}</strong>
              <p>{t("setup.stopped", { reason: trace.stopped.reason })}</p>
            </Notice>
          )}
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

/** Which stages the call reached, at a glance. */
function Way({ trace }: { trace: Trace }) {
  const reached = new Map<string, TraceItem>();
  trace.items.forEach((item) => {
    if (!reached.has(item.stage) || item.stopped) reached.set(item.stage, item);
  });
  return (
    <ol class="way">
      {STAGES.filter((stage) => reached.has(stage) || !OPTIONAL.has(stage)).map((stage) => {
        const item = reached.get(stage);
        const stop = trace.stopped?.stage === stage;
        return (
          <li key={stage} class={stop ? "way-stop" : item ? "way-on" : "way-off"}>
            <Icon name={stop ? "cross" : item ? "check" : "clock"} />
            {tOr(`stage.${stage}`, stage)}
            <span class="hidden">
              {stop ? t("setup.stoppedHere") : item ? exactTime(item.at) : t("desk.none")}
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
    [t("side.type"), call.type ? tOr(`type.${call.type}`, call.type) : t("type.call")],
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
  before,
  start,
}: {
  item: TraceItem;
  before: string | undefined;
  start: string;
}) {
  return (
    <li class={item.stopped ? "step step-stop" : "step"} data-stage={item.stage}>
      <time dateTime={item.at}>
        {exactTime(item.at)}
        <span class="muted" title={delta(start, item.at)}>
          {before ? delta(before, item.at) : t("setup.begins")}
        </span>
      </time>
      <div>
        <span class="step-stage">{tOr(`stage.${item.stage}`, item.stage)}</span>
        {item.stopped && <strong class="ink-danger">{t("setup.stoppedHere")}</strong>}
        <p class="break">{item.text}</p>
      </div>
    </li>
  );
}
