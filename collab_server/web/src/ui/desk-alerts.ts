/**
 * What calls for an agent's attention at the desk, and when it no longer does. Layout effects: they
 * run at once, where others wait for a frame that a page in the background is not given.
 */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { alertAgent, dismiss } from "../lib/alerts";
import type { DeskFeed } from "../lib/desk-feed";
import { personName } from "../lib/people";
import type { View } from "../lib/types";
import { t, tOr } from "../lib/words";

/** Of whoever waits, there is one notification. */
const WAITING = "waiting";

type Ids = ReadonlySet<string>;

/** Say that a session is this agent's now; one that they began themselves is no news to them. */
export function alertSession(view: View, feed: DeskFeed | null, open: () => void): void {
  if (view.initiator === "agent" && !document.hidden) return;
  alertAgent({
    title: t("desk.newFrom", { user: personName(view.user) }),
    body: tOr(`type.${view.type}`, view.type),
    tag: view.id,
    sound: !view.call && feed?.state.value?.state === "ready",
    onOpen: open,
  });
}

/** Say that somebody waits: to agents who are ready and serve nobody else. */
export function alertWaiting(view: View, feed: DeskFeed | null, open: () => void): void {
  if (!feed || feed.state.value?.state !== "ready" || feed.current.value.length > 0) return;
  const count = feed.waiting.value.length;
  const one = t("desk.waitsOne", { user: personName(view.user) });
  alertAgent({
    title: count > 1 ? t("desk.waits", { count }) : one,
    body: tOr(`type.${view.type}`, view.type),
    tag: WAITING,
    sound: !view.call,
    onOpen: open,
  });
}

interface Fresh {
  ids: Ids;
  add: (id: string) => void;
  drop: (id: string) => void;
}

/** Sessions the agent has not looked at yet, as long as they stand. */
export function useFresh(feed: DeskFeed | null, opened: string | null): Fresh {
  const [ids, setIds] = useState<Ids>(new Set());
  const change = useRef((act: (ids: Set<string>) => void) =>
    setIds((before) => {
      const next = new Set(before);
      act(next);
      return next.size === before.size ? before : next;
    }),
  ).current;
  const drop = (id: string) => {
    change((next) => next.delete(id));
    dismiss(id);
  };
  const current = feed?.current.value;
  useLayoutEffect(() => {
    const stands = new Set(current?.map((view) => view.id));
    ids.forEach((id) => !stands.has(id) && drop(id));
  }, [current]);
  useLayoutEffect(() => {
    const seen = () => {
      if (!document.hidden && opened && ids.has(opened)) drop(opened);
    };
    seen();
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  }, [ids, opened]);
  return { ids, add: (id) => change((next) => next.add(id)), drop };
}

/** How many came to wait while nobody looked at the page. */
export function useWaiting(feed: DeskFeed | null): { count: number; add: (id: string) => void } {
  const [ids, setIds] = useState<Ids>(new Set());
  useLayoutEffect(() => {
    const seen = () => {
      if (document.hidden) return;
      setIds(new Set());
      dismiss(WAITING);
    };
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  }, []);
  const waiting = feed?.waiting.value ?? [];
  const count = waiting.filter((view) => ids.has(view.id)).length;
  useLayoutEffect(() => {
    if (waiting.length === 0) dismiss(WAITING);
  }, [waiting.length]);
  const add = (id: string) => {
    if (document.hidden) setIds((before) => new Set([...before, id]));
  };
  return { count, add };
}
