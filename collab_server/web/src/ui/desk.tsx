/** The agent's desk: lists at the left, the workspace in the middle, the caller at the right. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { alertAgent, showCount } from "../lib/alerts";
import { DeskFeed } from "../lib/desk-feed";
import { recall, remember } from "../lib/device";
import { personName } from "../lib/people";
import type { Room } from "../lib/room";
import type { AgentAccount, View } from "../lib/types";
import { deskRoom } from "../lib/visit";
import { t, tOr } from "../lib/words";
import { DeskEmpty, DeskTop } from "./desk-top";
import { useUnread } from "./hooks";
import { Icon } from "./icons";
import { Notice } from "./parts";
import { SessionLists } from "./session-lists";
import { Side } from "./side";
import { Workspace } from "./workspace";

const OPEN = "tandem.desk.open";

interface Props {
  agent: AgentAccount;
  brand: string | undefined;
  loggedOut: () => void;
  signedOut: () => void;
}

export function Desk({ agent, brand, loggedOut, signedOut }: Props) {
  const dock = useMemo(() => new URLSearchParams(location.search).has("dock"), []);
  const [opened, setOpened] = useState<string | null>(() => recall(OPEN, "session"));
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const [details, setDetails] = useState(!dock && innerWidth >= 1180);
  const now = useRef({ opened });
  now.current = { opened };

  const open = (id: string | null) => {
    setOpened(id);
    remember(OPEN, id, "session");
    setFresh((before) => new Set([...before].filter((known) => known !== id)));
  };

  const feed = useMemo(
    () =>
      new DeskFeed(
        agent,
        (view) => {
          const shown = feedRef.current?.find(now.current.opened ?? "");
          const busy = shown && feedRef.current?.listOf(shown) === feedRef.current?.current;
          // The newest session opens by itself only where it takes no other one's place.
          if (!busy || shown?.id === view.id) {
            setOpened(view.id);
            remember(OPEN, view.id, "session");
          }
          if (busy || document.hidden) setFresh((before) => new Set([...before, view.id]));
          alertAgent({
            title: t("desk.newFrom", { user: personName(view.user) }),
            body: tOr(`type.${view.type}`, view.type),
            tag: view.id,
            sound: !view.call,
            onOpen: () => open(view.id),
          });
        },
        signedOut,
      ),
    [],
  );
  const feedRef = useRef<DeskFeed | null>(feed);
  useEffect(() => () => feed.close(), []);

  // After a reload, or the first look at the desk: what stands is shown at once.
  const loaded = feed.loaded.value;
  useEffect(() => {
    if (!loaded) return;
    if (opened && !feed.find(opened)) open(null);
    const first = feed.current.value[0];
    if (!opened && first) open(first.id);
  }, [loaded]);

  const view = opened ? (feed.find(opened) ?? null) : null;
  const room = useDeskRoom(view, agent);
  const unread = useUnread(room);
  useSeen(fresh, opened, setFresh);
  useEffect(() => {
    showCount(fresh.size + unread, `${t("desk.title")} · ${brand || t("app.name")}`);
  }, [fresh.size, unread]);

  const mine = view?.agent?.uri === agent.uri;
  const history = view
    ? feed.recent.value.filter((item) => item.user.uri === view.user.uri && item.id !== view.id)
    : null;
  const layout = [view ? "desk-open" : "", view && details ? "desk-wide" : ""];

  return (
    <div class={`agent desk-frame ${dock ? "desk-dock" : ""}`}>
      <div class={`desk ${layout.join(" ")}`}>
        <DeskTop agent={agent} brand={brand} loggedOut={loggedOut} />
        {!feed.online.value && <Notice tone="hold">{t("desk.offline")}</Notice>}
        <SessionLists feed={feed} opened={opened} fresh={fresh} open={open} />
        {view ? (
          <Workspace
            key={view.id}
            view={view}
            room={room}
            passedOnBy={view.agent && !mine ? personName({ uri: agent.uri }) : null}
            details={details}
            toggleDetails={() => setDetails(!details)}
            back={
              <button class="quiet desk-back" type="button" onClick={() => open(null)}>
                <Icon name="back" />
                <span class="label">{t("desk.all")}</span>
              </button>
            }
          />
        ) : (
          <DeskEmpty />
        )}
        {view && details && (
          <Side
            view={view}
            gone={room?.socket.gone.value ?? null}
            history={history}
            admin={agent.admin}
            mine={mine}
            done={() => open(null)}
          />
        )}
        <NewSaid fresh={fresh} feed={feed} />
      </div>
    </div>
  );
}

/** The open session's room: made when the session has this agent, closed when another is opened. */
function useDeskRoom(view: View | null, agent: AgentAccount): Room | null {
  const [turn, setTurn] = useState(0);
  const [room, setRoom] = useState<Room | null>(null);
  const mine = view !== null && view.agent?.uri === agent.uri;
  const had = room !== null && room.session === view?.id;
  // A room that was open stays when the session is passed on: its socket's end says so.
  const wanted = view && (mine || had) ? view.id : null;
  useEffect(() => {
    if (!wanted) {
      setRoom(null);
      return;
    }
    const made = deskRoom(wanted, agent.uri);
    setRoom(made);
    return () => made.close();
  }, [wanted, turn]);
  // Back from another agent: the old room is over for good, a new one is not.
  const back = room?.socket.gone.value === "transferred" && mine && view?.state !== "ended";
  useEffect(() => {
    if (back) setTurn(turn + 1);
  }, [back]);
  return room?.session === view?.id ? room : null;
}

/** The open session is no longer new once the page is looked at. */
function useSeen(
  fresh: ReadonlySet<string>,
  opened: string | null,
  setFresh: (next: ReadonlySet<string>) => void,
): void {
  useEffect(() => {
    const seen = () => {
      if (document.hidden || !opened || !fresh.has(opened)) return;
      setFresh(new Set([...fresh].filter((id) => id !== opened)));
    };
    seen();
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  }, [fresh, opened]);
}

/** Says a new session to screen readers; the focus stays where it is. */
function NewSaid({ fresh, feed }: { fresh: ReadonlySet<string>; feed: DeskFeed }) {
  const newest = [...fresh].at(-1);
  const view = newest ? feed.find(newest) : undefined;
  return (
    <p class="hidden" role="status">
      {view ? t("desk.newFrom", { user: personName(view.user) }) : ""}
    </p>
  );
}
