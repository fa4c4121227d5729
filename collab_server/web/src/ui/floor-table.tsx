/** The floor's table of agents; its columns sort, what is out of the ordinary stands first. */
import { useState } from "preact/hooks";
import { now, since } from "../lib/clock";
import { consentStatus } from "../lib/consent";
import { type AgentRow, due, type Order, ordered } from "../lib/floor";
import { personName } from "../lib/people";
import { type Key, t, tOr } from "../lib/words";
import type { Watching } from "./watch";

const COLUMNS: [Order, Key][] = [
  ["name", "floor.agent"],
  ["state", "floor.state"],
  ["time", "floor.time"],
  ["type", "floor.type"],
  ["signs", "floor.signs"],
];

interface Props {
  rows: readonly AgentRow[];
  /** URI of the supervisor, who does not supervise what they serve themselves. */
  me: string;
  watching: Watching | null;
  watch: (next: Watching) => void;
}

export function AgentTable({ rows, me, watching, watch }: Props) {
  const [order, setOrder] = useState<Order>("signs");
  const [descending, setDescending] = useState(false);
  const choose = (column: Order) => {
    setDescending(column === order && !descending);
    setOrder(column);
  };
  if (rows.length === 0) return <p class="muted">{t("floor.noAgents")}</p>;
  return (
    <table class="floor-table">
      <thead>
        <tr>
          {COLUMNS.map(([column, name]) => (
            <th
              key={column}
              scope="col"
              aria-sort={order !== column ? "none" : descending ? "descending" : "ascending"}
            >
              <button class="quiet" type="button" onClick={() => choose(column)}>
                {t(name)}
                <span aria-hidden="true" class="sort">
                  {order !== column ? "" : descending ? "↓" : "↑"}
                </span>
              </button>
            </th>
          ))}
          <th scope="col">
            <span class="hidden">{t("floor.actions")}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {ordered(rows, order, descending, now.value, (row) => state(row)[1]).map((row) => (
          <Row key={row.key} row={row} me={me} watching={watching} watch={watch} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row, me, watching, watch }: Omit<Props, "rows"> & { row: AgentRow }) {
  const { session } = row;
  const [tone, word] = state(row);
  const user = personName(session?.user);
  const signs = session ? due(session, now.value) : [];
  const opened = session && watching?.id === session.id ? watching.mode : null;
  return (
    <tr
      class={session && watching?.id === session.id ? "row-open" : ""}
      data-session={session?.id}
      data-agent={row.uri}
    >
      <th scope="row">{row.name}</th>
      <td data-label={t("floor.state")}>
        <span class={`row-state ink-${tone}`}>
          <span class="dot" aria-hidden="true" />
          {word}
        </span>
        {user && <span class="row-user">{user}</span>}
      </td>
      <td data-label={t("floor.time")} class="time">
        {since(session ? session.created : row.desk)}
      </td>
      <td data-label={t("floor.type")}>
        {session ? tOr(`type.${session.type}`, session.type) : ""}
      </td>
      <td data-label={t("floor.signs")}>
        {signs.map((sign) => (
          <span class="sign" key={sign.kind}>
            {tOr(`sign.${sign.kind}`, sign.kind)} {since(sign.since)}
          </span>
        ))}
      </td>
      <td class="row-actions">
        {session && row.uri !== me && (
          <>
            <button
              type="button"
              aria-pressed={opened === "read"}
              aria-label={t("floor.readThat", { user })}
              onClick={() => watch({ id: session.id, mode: "read" })}
            >
              {t("floor.read")}
            </button>
            <button
              type="button"
              aria-label={t("floor.whisperThat", { agent: row.name })}
              onClick={() => watch({ id: session.id, mode: opened, whisper: true })}
            >
              {t("floor.whisper")}
            </button>
            <button
              type="button"
              aria-pressed={opened === "join"}
              aria-label={t("floor.joinThat", { user })}
              onClick={() => watch({ id: session.id, mode: "join" })}
            >
              {t("floor.join")}
            </button>
          </>
        )}
      </td>
    </tr>
  );
}

/** A row's state: tone and word. */
function state({ session, desk }: AgentRow): [string, string] {
  if (!session) return desk ? ["live", t("floor.ready")] : ["calm", t("floor.away")];
  if (session.held) return ["hold", t("state.held")];
  const consent = consentStatus("agent", session);
  if (consent) return [consent.tone, consent.word];
  if (session.state === "suspended") return ["hold", t("state.suspended")];
  const caller = session.presence.user;
  if (caller.joined && !caller.connected) return ["hold", t("state.away")];
  if (session.state === "active" && caller.connected) return ["live", t("state.active")];
  return ["calm", t("state.inviting")];
}
