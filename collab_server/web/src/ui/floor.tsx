/** The supervisor's floor: agents and what they serve, who waits, and one session beside them. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { now, since } from "../lib/clock";
import { agentRows, due, urgency, waitingRows } from "../lib/floor";
import { FloorFeed } from "../lib/floor-feed";
import { personName, uriLabel } from "../lib/people";
import type { AgentAccount } from "../lib/types";
import { t, tOr } from "../lib/words";
import { AgentTable } from "./floor-table";
import { Notice } from "./parts";
import { Watch, type Watching } from "./watch";

interface Props {
  agent: AgentAccount;
  signedOut: () => void;
}

export function Floor({ agent, signedOut }: Props) {
  const feed = useMemo(() => new FloorFeed(signedOut), []);
  useEffect(() => () => feed.close(), []);
  const [watching, setWatching] = useState<Watching | null>(null);

  const sessions = feed.sessions.value;
  const rows = agentRows(feed.agents.value, sessions, uriLabel);
  const waiting = waitingRows(sessions);
  const unusual = sessions.filter((session) => due(session, now.value).length > 0).length;
  const watched = feed.find(watching?.id ?? null);
  useEffect(() => {
    // The session is over: what was watched of it is no longer on the floor.
    if (watching && feed.loaded.value && !watched) setWatching(null);
  }, [watched === undefined]);

  if (!feed.loaded.value && feed.online.value) return <p class="loading">{t("app.loading")}</p>;
  return (
    <main class={`floor-main ${watched ? "floor-watching" : ""}`}>
      {!feed.online.value && <Notice tone="hold">{t("floor.offline")}</Notice>}
      <div class="floor-lists">
        <section class="box">
          <div class="box-head">
            <h2>
              {t("floor.agents")}
              {agent.team && <span class="muted"> · {t("floor.team", { team: agent.team })}</span>}
            </h2>
            <p class={unusual ? "ink-danger" : "muted"} role="status">
              {unusual ? t("floor.unusual", { count: unusual }) : t("floor.nothing")}
            </p>
          </div>
          <AgentTable
            rows={rows}
            me={agent.uri}
            team={agent.team ?? ""}
            watching={watching}
            watch={setWatching}
          />
        </section>
        <section class="box">
          <h2>
            {t("floor.waiting")} <span class="count">{waiting.length}</span>
          </h2>
          {waiting.length === 0 ? (
            <p class="muted">{t("floor.noWaiting")}</p>
          ) : (
            <table class="floor-table">
              <thead>
                <tr>
                  <th scope="col">{t("floor.caller")}</th>
                  <th scope="col">{t("floor.queue")}</th>
                  <th scope="col">{t("floor.time")}</th>
                  <th scope="col">{t("floor.type")}</th>
                  <th scope="col">{t("floor.signs")}</th>
                </tr>
              </thead>
              <tbody>
                {[...waiting]
                  .sort((a, b) => age(a.created) - age(b.created))
                  .map((session) => (
                    <tr key={session.id} data-session={session.id}>
                      <th scope="row">{personName(session.user)}</th>
                      <td data-label={t("floor.queue")}>
                        {session.queue ?? ""}{" "}
                        {session.position ? t("desk.place", { position: session.position }) : ""}
                      </td>
                      <td data-label={t("floor.time")} class="time">
                        {since(session.created)}
                      </td>
                      <td data-label={t("floor.type")}>
                        {tOr(`type.${session.type}`, session.type)}
                      </td>
                      <td data-label={t("floor.signs")}>
                        {urgency(session, now.value) < Infinity && (
                          <span class="sign">{t("sign.waiting")}</span>
                        )}
                      </td>
                    </tr>
                  ))}
              </tbody>
            </table>
          )}
        </section>
      </div>
      {watching && watched && (
        <Watch
          key={watching.id}
          view={watched}
          me={agent.uri}
          watching={watching}
          watch={setWatching}
        />
      )}
    </main>
  );
}

const age = (iso: string) => Date.parse(iso);
