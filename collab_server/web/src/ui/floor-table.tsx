/** The floor's table of agents; its columns sort, what is out of the ordinary stands first. */
import { now, since } from "../lib/clock";
import { type AgentRow, began, due, type Order, ordered, standing } from "../lib/floor";
import { personName } from "../lib/people";
import { statusOf } from "../lib/state";
import { type Key, t, tOr } from "../lib/words";
import { reasonName } from "./reasons";
import { SortHead, useSorting } from "./sort-head";
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
  /** Of the supervisor; "": they see all teams, and each row says its own. */
  team: string;
  watching: Watching | null;
  watch: (next: Watching) => void;
}

export function AgentTable({ rows, me, team, watching, watch }: Props) {
  const sorting = useSorting<Order>("signs");
  const { order, descending } = sorting;
  if (rows.length === 0) return <p class="muted">{t("floor.noAgents")}</p>;
  return (
    <table class="floor-table">
      <SortHead columns={COLUMNS} sorting={sorting} actions="floor.actions" />
      <tbody>
        {ordered(rows, order, descending, now.value, (row) => state(row)[1]).map((row) => (
          <Row key={row.key} row={row} me={me} team={team} watching={watching} watch={watch} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row, me, team, watching, watch }: Omit<Props, "rows"> & { row: AgentRow }) {
  const { session, agent } = row;
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
      <th scope="row">
        {row.name}
        {!team && agent?.team && (
          <span class="row-user">{t("floor.team", { team: agent.team })}</span>
        )}
      </th>
      <td data-label={t("floor.state")}>
        <span class={`row-state ink-${tone}`}>
          <span class="dot" aria-hidden="true" />
          {word}
        </span>
        {user && <span class="row-user">{user}</span>}
        {agent?.pause && (
          <span class="row-user">
            {agent.pause.reason
              ? t("floor.queuePauseWhy", { reason: reasonName(agent.pause.reason) })
              : t("floor.queuePause")}
          </span>
        )}
      </td>
      <td data-label={t("floor.time")} class="time">
        {began(row) < Infinity && since(new Date(began(row)).toISOString())}
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

/** A row's state: tone and word; of a session what its agent's own page says. */
function state({ session, agent }: AgentRow): [string, string] {
  if (session) {
    const shown = { role: "agent", view: session, gone: null, before: null } as const;
    const { tone, word } = statusOf({ ...shown, link: "online", kept: true });
    return [tone, word];
  }
  if (!agent) return ["calm", t("floor.away")];
  const [how] = standing(agent);
  const { reason, wrap_up: wrapUp } = agent;
  switch (how) {
    case "ready":
      return ["live", t("floor.ready")];
    case "wrapUp":
      return wrapUp && wrapUp.count > 1
        ? ["hold", t("floor.wrapUps", { count: wrapUp.count })]
        : ["hold", t("floor.wrapUp")];
    case "paused": {
      const why = reasonName(reason);
      return ["calm", why ? t("floor.pausedWhy", { reason: why }) : t("floor.paused")];
    }
    case "open":
      return ["calm", t("floor.open")];
    case "away":
      return ["calm", t("floor.away")];
  }
}
