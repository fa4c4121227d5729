/** The caller's page: a strip with the call's state, one panel, a bar at the bottom. */
import { useEffect, useRef, useState } from "preact/hooks";
import { showCount } from "../lib/badge";
import { brand } from "../lib/brand";
import { copyText, download } from "../lib/copy";
import { noTelephone, waits } from "../lib/placed";
import { statusOf } from "../lib/state";
import type { Room } from "../lib/room";
import type { View } from "../lib/types";
import { t } from "../lib/words";
import { Contact } from "./brand";
import { Chat } from "./chat";
import { ConsentBar } from "./consent";
import { usePassedOn, useUnread } from "./hooks";
import { Icon } from "./icons";
import { InvitedNotice } from "./invited";
import { Brand, LanguageSwitch, ProblemNotice } from "./parts";
import { Leave, PlaceInLine, useFarewell } from "./placed";
import { Saved } from "./saved";
import { Said, Strip } from "./strip";
import { TalkByPhone, VoiceNotice } from "./voice";
import { Watchers } from "./watchers";
import "../style/user.css";

interface Props {
  room: Room;
  leave: () => void;
}

export function UserSession({ room, leave }: Props) {
  const view = room.view.value;
  const gone = room.socket.gone.value;
  const before = usePassedOn(view);
  const [alone, setAlone] = useState(false);
  const ended = view?.state === "ended" || gone !== null;
  const shown = view ?? blank(room.session);
  const status = view
    ? statusOf({
        role: "user",
        view,
        gone,
        before,
        link: room.socket.state.value,
        kept: room.save.value !== "nowhere",
      })
    : { tone: "calm" as const, word: t("state.connecting"), sentence: t("user.connecting") };
  const unread = useUnread(room);
  useFarewell(view);
  useEffect(() => {
    showCount(unread, view?.brand.name ?? brand.value.name);
  }, [unread, view?.brand.name]);
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    // The button that led here is gone: keyboard and screen reader go on at the session.
    if (document.activeElement === document.body) main.current?.focus({ preventScroll: true });
  }, []);
  const fault = room.socket.state.value === "offline" && !view ? room.socket.fault.value : null;

  return (
    <div class="user page session">
      <header class="top">
        <Brand name={view?.brand.name} />
        {view?.word && (
          <p class="word" title={t("join.wordHint")}>
            {t("user.word")} <strong>{view.word}</strong>
          </p>
        )}
        <LanguageSwitch />
      </header>
      <main class="session-main" ref={main} tabIndex={-1}>
        {!(ended && !alone) && (
          <>
            <h1 class="hidden">{t("join.title")}</h1>
            <Strip status={status} />
          </>
        )}
        <Said status={status} />
        {view && !ended && <ConsentBar key={view.agent?.uri} view={view} />}
        {view && !ended && <Watchers view={view} />}
        <InvitedNotice invited={room.invited.value} />
        {fault && <ProblemNotice problem={fault} retry={room.socket.wake} />}
        {view && !ended && <VoiceNotice view={view} />}
        {view && !ended && noTelephone(view) && waits(view) && <PlaceInLine view={view} />}
        <div class="panel">
          {ended && !alone ? (
            <Ended
              room={room}
              view={shown}
              sentence={status.sentence}
              alone={() => setAlone(true)}
            />
          ) : (
            <>
              {ended && (
                <p class="notice tone-calm">
                  {t("user.finishing")}{" "}
                  <button class="quiet" type="button" onClick={() => setAlone(false)}>
                    {t("user.backToEnd")}
                  </button>
                </p>
              )}
              <Chat room={room} view={view} closed={gone !== null} />
            </>
          )}
        </div>
      </main>
      {!ended && (
        <footer class="bar">
          <button
            class="bar-button"
            type="button"
            onClick={() => document.getElementById("message")?.focus()}
          >
            <Icon name="message" />
            {t("user.message")}
          </button>
          {view && <TalkByPhone view={view} />}
          {view && noTelephone(view) ? (
            <Leave view={view} />
          ) : (
            <button class="bar-button" type="button" onClick={leave}>
              <Icon name="stop" />
              {t("user.stop")}
            </button>
          )}
          <Saved room={room} />
        </footer>
      )}
    </div>
  );
}

interface EndedProps {
  room: Room;
  view: View;
  sentence: string;
  alone: () => void;
}

function Ended({ room, view, sentence, alone }: EndedProps) {
  const lines = room.lines.value;
  const said = lines.length > 0;
  const finish = room.socket.gone.value === null && (said || !!view.agent || !view.placed);
  const save = () => download(`tandem-${view.id}.txt`, copyText(lines, room.view.value));
  return (
    <div class="ended">
      <div class="card">
        <h1>{t("user.ended.title")}</h1>
        <p>{sentence}</p>
        {(said || finish) && (
          <p class="actions">
            {said && (
              <button class="primary" type="button" onClick={save}>
                <Icon name="save" />
                {t("user.copy")}
              </button>
            )}
            {finish && (
              <button type="button" onClick={alone}>
                {t("user.finish")}
              </button>
            )}
          </p>
        )}
        <Contact />
      </div>
      <Chat room={room} view={room.view.value} closed />
    </div>
  );
}

/** Stands in for a view that has not come and will not: the session is over already. */
function blank(id: string): View {
  const nobody = { connected: false, since: null, joined: false };
  return {
    id,
    state: "ended",
    reason: null,
    type: "chat",
    initiator: "user",
    user: { uri: "" },
    agent: null,
    held: false,
    created: new Date().toISOString(),
    since: new Date().toISOString(),
    ended: null,
    presence: { user: nobody, agent: nobody },
    word: "",
    brand: { name: "" },
    panels: [],
  };
}
