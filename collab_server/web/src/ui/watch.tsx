/** One session on the floor: read along, join, whisper. Leaving it tells the server so. */
import { useEffect, useRef, useState } from "preact/hooks";
import { consentStatus, withheld } from "../lib/consent";
import { asProblem, request } from "../lib/http";
import { personName } from "../lib/people";
import type { Room } from "../lib/room";
import { statusOf } from "../lib/state";
import type { View } from "../lib/types";
import { type Supervision, superviseRoom } from "../lib/visit";
import { t } from "../lib/words";
import { Chat } from "./chat";
import { Icon } from "./icons";
import { ProblemNotice } from "./parts";
import { Said, Strip } from "./strip";
import { WhisperForm } from "./whispers";

export interface Watching {
  id: string;
  /** Null: only to whisper. */
  mode: Supervision | null;
  /** The focus goes to the whisper. */
  whisper?: boolean;
}

interface Props {
  view: View;
  me: string;
  watching: Watching;
  watch: (next: Watching | null) => void;
}

export function Watch({ view, me, watching, watch }: Props) {
  const room = useSupervisedRoom(view.id, me, watching.mode);
  const head = useRef<HTMLHeadingElement>(null);
  const { mode, whisper } = watching;
  useEffect(() => {
    // The button was pressed for this: keyboard and screen reader go on here.
    if (whisper) document.getElementById("whisper")?.focus();
    else head.current?.focus({ preventScroll: true });
  }, [mode, whisper]);
  const link = room?.socket.state.value ?? "online";
  const status = statusOf({
    role: "agent",
    view,
    gone: null,
    before: null,
    link,
    kept: true,
  });
  const consent = consentStatus("agent", view);
  // What the agent is told to do is not the supervisor's to do.
  const word = link === "offline" ? status : (consent ?? status);
  const shown = view.held || consent || link === "offline" ? { ...word, sentence: "" } : status;
  const user = personName(view.user);
  const other: Supervision = mode === "join" ? "read" : "join";
  return (
    <aside class="watch box" aria-label={user}>
      <div class="watch-head">
        <h2 ref={head} tabIndex={-1}>
          {user}
        </h2>
        <span class="muted">{personName(view.agent)}</span>
        <span class="grow" />
        {mode && (
          <button type="button" onClick={() => watch({ id: view.id, mode: other })}>
            {t(`floor.${other}`)}
          </button>
        )}
        <button type="button" onClick={() => watch(null)}>
          <Icon name="cross" />
          {t("floor.leave")}
        </button>
      </div>
      <Strip status={shown} />
      <Said status={shown} />
      {room && room.socket.fault.value && (
        <ProblemNotice problem={room.socket.fault.value} retry={room.socket.wake} />
      )}
      {room && withheld(view) && <p class="empty muted">{t("floor.hidden")}</p>}
      {room && !withheld(view) && (
        <Chat
          room={room}
          view={view}
          closed={room.socket.gone.value !== null}
          silent={mode === "read" ? t("floor.readOnly") : null}
        />
      )}
      <WhisperForm view={view} />
    </aside>
  );
}

/** The room of the session, for as long as it is watched; null while there is only a whisper. */
function useSupervisedRoom(id: string, me: string, mode: Supervision | null): Room | null {
  const [room, setRoom] = useState<Room | null>(null);
  const wanted = useRef<Supervision>("read");
  const opened = mode !== null;
  useEffect(() => {
    if (!opened) return;
    wanted.current = mode;
    const made = superviseRoom(id, me, () => wanted.current);
    setRoom(made);
    return () => {
      made.close();
      setRoom(null);
      // Not heard: the socket is closed all the same, and that is what the others see.
      request("DELETE", `/v1/sessions/${id}/supervision`).catch(() => undefined);
    };
  }, [id, opened]);
  useEffect(() => {
    if (!mode || mode === wanted.current) return;
    wanted.current = mode;
    request("POST", `/v1/sessions/${id}/supervision`, { mode }).catch((error: unknown) => {
      if (room) room.socket.fault.value = asProblem(error);
    });
  }, [mode]);
  return room;
}
