/** The chat of a session: plain text with links, both ways. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { shortTime } from "../lib/clock";
import type { Line } from "../lib/lines";
import { pieces } from "../lib/links";
import { authorName } from "../lib/people";
import type { Room } from "../lib/room";
import type { View } from "../lib/types";
import { type Key, t } from "../lib/words";
import { Composer } from "./composer";
import { Icon, type IconName } from "./icons";

/** Lines drawn at first; earlier ones on request. */
const SHOWN = 300;

interface Props {
  room: Room;
  view: View | null;
  /** No more lines can be sent. */
  closed: boolean;
  /** Why the reader may not write, where they only read along. */
  silent?: string | null;
}

export function Chat({ room, view, closed, silent = null }: Props) {
  const [limit, setLimit] = useState(SHOWN);
  const lines = room.lines.value;
  const shown = lines.slice(-limit);
  const typing = room.typing.value.filter((author) => author.role !== room.role);
  const { list, below, toEnd } = useStickyEnd(lines.length, typing.length > 0);
  return (
    <div class="chat">
      <div class="chat-lines" ref={list} tabIndex={0} role="region" aria-label={t("chat.title")}>
        {lines.length > shown.length && (
          <button class="quiet" type="button" onClick={() => setLimit(limit + SHOWN)}>
            {t("chat.earlier")}
          </button>
        )}
        {lines.length === 0 && (
          <p class="chat-empty">
            {t(closed && !room.socket.synced.value ? "chat.gone" : "chat.empty")}
          </p>
        )}
        <ol>
          {shown.map((line, index) => (
            <ChatLine
              key={line.id}
              line={line}
              room={room}
              view={view}
              closed={closed}
              follows={follows(shown[index - 1], line)}
            />
          ))}
        </ol>
        {typing.length > 0 && !closed && (
          <p class="chat-typing">
            {t("chat.typing", {
              name: authorName(typing[0]!, view),
            })}
          </p>
        )}
      </div>
      {below && (
        <button class="chat-below" type="button" onClick={toEnd}>
          <Icon name="down" />
          {t("chat.newest")}
        </button>
      )}
      <Arrivals room={room} view={view} />
      {closed || silent ? (
        <p class="chat-closed">{silent ?? t("chat.closed")}</p>
      ) : (
        <Composer room={room} />
      )}
    </div>
  );
}

/** Lines of one person within two minutes stand together under one name. */
function follows(before: Line | undefined, line: Line): boolean {
  if (before?.author.role !== line.author.role || before.author.name !== line.author.name) {
    return false;
  }
  return Date.parse(line.at) - Date.parse(before.at) < 120_000;
}

interface LineProps extends Props {
  line: Line;
  follows: boolean;
}

function ChatLine({ line, room, view, closed, follows: joined }: LineProps) {
  const mine = line.author.role === room.role;
  const own = line.author.me;
  return (
    <li class={`line ${mine ? "line-mine" : "line-theirs"} ${joined ? "line-joined" : ""}`}>
      {!joined && (
        <p class="line-head">
          <span class="line-name">{own ? t("chat.you") : authorName(line.author, view)}</span>{" "}
          <time dateTime={line.at}>{shortTime(line.at)}</time>
        </p>
      )}
      <div class="line-row">
        <div class="line-text" dir="auto">
          {pieces(line.text).map((piece, index) =>
            piece.href ? (
              <a key={index} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
                {piece.text}
              </a>
            ) : (
              piece.text
            ),
          )}
        </div>
        {own && <Tick line={line} room={room} closed={closed} />}
      </div>
    </li>
  );
}

function Tick({ line, room, closed }: { line: Line; room: Room; closed: boolean }) {
  const [icon, key]: [IconName, Key] = line.stored
    ? ["check", "chat.saved"]
    : closed
      ? ["cross", "chat.lost"]
      : room.save.value === "device"
        ? ["device", "chat.kept"]
        : room.save.value === "nowhere"
          ? ["cross", "chat.unkept"]
          : ["clock", "chat.saving"];
  return (
    <p class={`tick ${line.stored ? "tick-stored" : ""}`} data-stored={line.stored}>
      <Icon name={icon} />
      <span class={line.stored ? "hidden" : ""}>{t(key)}</span>
    </p>
  );
}

/** Says the other side's new lines to screen readers, once each, not those of an earlier visit. */
function Arrivals({ room, view }: { room: Room; view: View | null }) {
  const known = useRef<Set<string> | null>(null);
  const [words, setWords] = useState("");
  const lines = room.lines.value;
  const synced = room.socket.synced.value;
  useEffect(() => {
    if (!synced) return;
    const before = known.current;
    known.current = new Set(lines.map((line) => line.id));
    if (!before) return;
    const fresh = lines.filter((line) => !before.has(line.id) && line.author.role !== room.role);
    if (!fresh.length) return;
    setWords(
      fresh
        .slice(-3)
        .map((line) => t("chat.arrived", { name: authorName(line.author, view), text: line.text }))
        .join("\n"),
    );
  }, [lines, synced]);
  return (
    <p class="hidden" aria-live="polite" data-arrivals>
      {words}
    </p>
  );
}

/** Keeps the newest line in view, unless the reader has scrolled up; then a button leads down. */
function useStickyEnd(count: number, typing: boolean) {
  const list = useRef<HTMLDivElement>(null);
  const [below, setBelow] = useState(false);
  const atEnd = useRef(true);
  const seen = useRef(count);
  const toEnd = () => {
    const box = list.current;
    if (box) box.scrollTop = box.scrollHeight;
    setBelow(false);
  };
  useEffect(() => {
    const box = list.current;
    if (!box) return;
    const scrolled = () => {
      atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 48;
      if (atEnd.current) setBelow(false);
    };
    const resized = new ResizeObserver(() => atEnd.current && toEnd());
    box.addEventListener("scroll", scrolled, { passive: true });
    resized.observe(box);
    return () => {
      box.removeEventListener("scroll", scrolled);
      resized.disconnect();
    };
  }, []);
  useLayoutEffect(() => {
    if (atEnd.current) toEnd();
    else if (count > seen.current) setBelow(true);
    seen.current = count;
  }, [count, typing]);
  return { list, below, toEnd };
}
