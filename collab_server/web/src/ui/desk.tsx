/** The agent's desk: lists at the left, the workspace in the middle, the caller at the right. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { unlockAtFirstTouch } from "../lib/alerts";
import { showCount } from "../lib/badge";
import { DeskFeed } from "../lib/desk-feed";
import { recall, remember } from "../lib/device";
import { personName } from "../lib/people";
import { openRecord } from "../lib/record";
import type { Room } from "../lib/room";
import type { AgentAccount, View } from "../lib/types";
import { deskRoom } from "../lib/visit";
import { t } from "../lib/words";
import { AddPanel } from "./add-panel";
import { alertSession, alertWaiting, useFresh, useWaiting } from "./desk-alerts";
import { DeskTools } from "./desk-tools";
import { DeskEmpty, DeskTop } from "./desk-top";
import { useUnread } from "./hooks";
import { Icon } from "./icons";
import { Notice } from "./parts";
import { QueueAnswers } from "./queue-pause";
import { SessionLists } from "./session-lists";
import { Side } from "./side";
import { StandingCalls } from "./standing-calls";
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
  const [details, setDetails] = useState(!dock && innerWidth >= 1180);
  const now = useRef({
    opened,
    fresh: (_view: View): void => {},
    waits: (_view: View): void => {},
  });

  const feed = useMemo(
    () =>
      new DeskFeed(agent, {
        fresh: (view) => now.current.fresh(view),
        waits: (view) => now.current.waits(view),
        signedOut,
      }),
    [],
  );
  useEffect(() => () => feed.close(), []);
  useEffect(unlockAtFirstTouch, []);
  const fresh = useFresh(feed, opened);
  const waiting = useWaiting(feed);

  const show = (id: string | null) => {
    setOpened(id);
    remember(OPEN, id, "session");
    if (id) fresh.drop(id);
  };
  const [landing, setLanding] = useState(false);
  /** By the agent's own act, so that the focus may go along. */
  const open = (id: string | null) => {
    setLanding(true);
    show(id);
  };
  now.current = {
    opened,
    fresh: (view) => {
      const shown = feed.find(opened ?? "");
      const other = shown && shown.id !== view.id;
      const asks = document.querySelector("dialog[open]") !== null;
      const busy = asks || (other && (feed.listOf(shown) === feed.current || isTyping()));
      // The newest session opens by itself only where it takes no other one's place, and over no
      // dialog: a narrow window hides the lists under it, and the dialog with them.
      if (!busy) {
        setOpened(view.id);
        remember(OPEN, view.id, "session");
        openRecord(view);
      }
      if (busy || document.hidden) fresh.add(view.id);
      alertSession(view, feed, () => open(view.id));
    },
    waits: (view) => {
      if (feed.state.value?.state !== "ready") return;
      waiting.add(view.id);
      alertWaiting(view, feed, () => open(view.id));
    },
  };

  // After a reload, or the first look at the desk: what stands is shown at once.
  const loaded = feed.loaded.value;
  useEffect(() => {
    if (!loaded) return;
    if (opened && !feed.find(opened)) show(null);
    const first = feed.current.value[0];
    if (!opened && first) show(first.id);
  }, [loaded]);

  const view = opened ? (feed.find(opened) ?? null) : null;
  const room = useDeskRoom(view, agent);
  const unread = useUnread(room);
  const count = fresh.ids.size + unread + waiting.count;
  const title = t("desk.title");
  // Layout effects, here and for the room: a page in the background is given no frame for others.
  useLayoutEffect(() => {
    showCount(count, `${title} · ${brand || t("app.name")}`);
  }, [count, title]);

  useLayoutEffect(() => {
    if (!landing || (opened && !view)) return;
    setLanding(false);
    if (keepsFocus()) return;
    const next = document.querySelector<HTMLElement>(view ? ".workspace-head h1" : ".lists");
    next?.focus({ preventScroll: true });
  }, [landing, opened, view?.id]);

  const mine = view?.agent?.uri === agent.uri;
  const call = mine && feed.calls.value.find((one) => one.session === view.id);
  // What is over wants to be wrapped up, which stands among the details.
  const over = view !== null && feed.listOf(view) === feed.wrapUp;
  useEffect(() => {
    if (!over) return;
    setDetails(true);
    return () => setDetails(details);
  }, [over, view?.id]);
  const layout = [view ? "desk-open" : "", view && details ? "desk-wide" : ""];

  return (
    <div class={`agent desk-frame ${dock ? "desk-dock" : ""}`}>
      <div class={`desk ${layout.join(" ")}`}>
        <DeskTop feed={feed} agent={agent} brand={brand} loggedOut={loggedOut} />
        <div class="desk-notices">
          {!feed.online.value && <Notice tone="hold">{t("desk.offline")}</Notice>}
          <QueueAnswers feed={feed} />
        </div>
        <SessionLists feed={feed} opened={opened} fresh={fresh.ids} open={open}>
          <DeskTools dock={dock} open={open} />
          <StandingCalls feed={feed} open={open} />
        </SessionLists>
        {view ? (
          <Workspace
            key={view.id}
            view={view}
            room={room}
            passedOnBy={
              view.agent && !mine ? personName({ uri: agent.uri, name: agent.display_name }) : null
            }
            details={details}
            toggleDetails={() => setDetails(!details)}
            add={call && <AddPanel view={view} call={call} />}
            back={
              <button class="quiet desk-back" type="button" onClick={() => open(null)}>
                <Icon name="back" />
                <span class="label">{t("desk.all")}</span>
                {fresh.ids.size > 0 && <span class="count count-new">{fresh.ids.size}</span>}
              </button>
            }
          />
        ) : (
          <DeskEmpty feed={feed} />
        )}
        {view && details && (
          <Side
            key={view.id}
            view={view}
            gone={room?.socket.gone.value ?? null}
            atDesk
            admin={agent.admin}
            mine={mine}
            done={() => open(null)}
          />
        )}
        <NewSaid fresh={fresh.ids} feed={feed} />
      </div>
    </div>
  );
}

/** Whoever writes something, a wrap-up say, is not to lose the field they are in. */
function isTyping(): boolean {
  return document.activeElement?.matches("input, textarea, select") ?? false;
}

/** Whether what has the focus is still there, and is of use: a call's card goes once it has a
 * session, and what `keepFocus` found in its place is only the nearest. */
function keepsFocus(): boolean {
  const held = document.activeElement;
  if (!held || held === document.body || held.closest(".standing")) return false;
  if (held.matches("[tabindex='-1']")) return false;
  return held.getClientRects().length > 0;
}

/** The open session's room: made when the session has this agent, closed when another is opened. */
function useDeskRoom(view: View | null, agent: AgentAccount): Room | null {
  const [turn, setTurn] = useState(0);
  const [room, setRoom] = useState<Room | null>(null);
  const mine = view !== null && view.agent?.uri === agent.uri;
  const had = room !== null && room.session === view?.id;
  // A room that was open stays when the session is passed on: its socket's end says so.
  const wanted = view && (mine || had) ? view.id : null;
  useLayoutEffect(() => {
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
