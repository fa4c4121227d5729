/** The centre of the agent's screen: one session's state, its panel, and who is there. */
import type { ComponentChildren } from "preact";
import { since } from "../lib/clock";
import { withheld } from "../lib/consent";
import { personName } from "../lib/people";
import type { Room } from "../lib/room";
import { statusOf } from "../lib/state";
import type { View } from "../lib/types";
import { t, tOr } from "../lib/words";
import { Chat } from "./chat";
import { ConfirmAsk } from "./confirm";
import { usePassedOn } from "./hooks";
import { Icon } from "./icons";
import { Saved } from "./saved";
import { Said, Strip } from "./strip";
import { Watchers } from "./watchers";
import { Whispers } from "./whispers";
import { Withheld } from "./withheld";

interface Props {
  view: View;
  /** Null while the session has no agent: there is nothing to open yet. */
  room: Room | null;
  /** Name of the agent who looks, when the session has gone from them to another. */
  passedOnBy?: string | null;
  details: boolean;
  toggleDetails: () => void;
  /** Way back to the list, where there is no room for both. */
  back?: ComponentChildren;
  /** What the agent may add to the session. */
  add?: ComponentChildren;
}

export function Workspace(props: Props) {
  const { view, room, passedOnBy = null, details, toggleDetails, back, add } = props;
  const before = usePassedOn(view);
  const gone = room?.socket.gone.value ?? (passedOnBy ? "transferred" : null);
  const closed = gone !== null;
  const status = statusOf({
    role: "agent",
    view,
    gone,
    before: passedOnBy ?? before,
    link: room ? room.socket.state.value : "online",
    kept: room?.save.value !== "nowhere",
  });
  return (
    <main class="workspace">
      <div class="workspace-head">
        {back}
        <h1 tabIndex={-1}>{personName(view.user)}</h1>
        <span class="tag">{tOr(`type.${view.type}`, view.type)}</span>
        <time class="timer" title={t("desk.age")}>
          {since(view.created, view.ended)}
        </time>
        <span class="grow" />
        {add}
        <button class="quiet" type="button" aria-expanded={details} onClick={toggleDetails}>
          <Icon name="side" />
          <span class="label">{t("desk.details")}</span>
        </button>
      </div>
      <Strip status={status}>
        {status.tone === "danger" && !details && (
          // What may be done about it stands among the details.
          <button type="button" onClick={toggleDetails}>
            {t("side.invitation")}
          </button>
        )}
      </Strip>
      <Said status={status} />
      {!closed && <ConfirmAsk view={view} />}
      {room && !closed && <Watchers view={view} />}
      {room && !closed && <Whispers view={view} />}
      {room && !closed && withheld(view) ? (
        <Withheld view={view} />
      ) : room ? (
        <>
          <Chat room={room} view={view} closed={closed} />
          {!closed && (
            <footer class="workspace-foot">
              <Saved room={room} />
            </footer>
          )}
        </>
      ) : (
        <div class="empty" />
      )}
    </main>
  );
}
