/** The desk as it changes: sessions, calls, and whether the agent is ready. */
import { signal } from "@preact/signals";
import { serverNow } from "./clock";
import { stayAwake } from "./once";
import { Retry } from "./retry";
import type { AgentAccount, DeskLists, DeskState, QueuePause, StandingCall, View } from "./types";

/** Sessions shown as recent, at most. */
const RECENT = 50;
/** Sessions in the other lists, at most. */
const MOST = 500;
const FIRST_WAIT_MS = 300;
/** How long after its end a session is held out to be wrapped up; the server does so as long. */
const WRAP_UP_MS = 12 * 3600_000;
/** The socket is quiet for long; this tells a slow start from a dead network. */
const PATIENCE_MS = 1_500;

type Message =
  | ({ kind: "desk" } & DeskLists)
  | { kind: "session"; session: View }
  | { kind: "gone"; id: string }
  | { kind: "calls"; calls: StandingCall[] }
  | { kind: "pbxs"; pbxs: Record<string, boolean> }
  | { kind: "state"; state: DeskState }
  | { kind: "pause"; pause: QueuePause }
  | { kind: "signed_out" };

/** What the desk is told of as it happens. */
export interface Hearer {
  /** A session became this agent's while the desk looked. */
  fresh: (view: View) => void;
  /** Somebody new waits for an agent. */
  waits: (view: View) => void;
  /** The server ended the log-in. */
  signedOut: () => void;
}

export class DeskFeed {
  readonly current = signal<readonly View[]>([]);
  /** Ended, and the agent has not said to be done with them. */
  readonly wrapUp = signal<readonly View[]>([]);
  readonly waiting = signal<readonly View[]>([]);
  readonly recent = signal<readonly View[]>([]);
  readonly calls = signal<readonly StandingCall[]>([]);
  readonly pbxs = signal<Readonly<Record<string, boolean>>>({});
  readonly state = signal<DeskState | null>(null);
  readonly pause = signal<QueuePause | null>(null);
  /** The lists have come once. */
  readonly loaded = signal(false);
  readonly online = signal(true);

  #socket: WebSocket | null = null;
  readonly #retry = new Retry(FIRST_WAIT_MS);
  #timer = 0;
  #patience = 0;
  #sleep = stayAwake();
  #closed = false;

  constructor(
    readonly agent: AgentAccount,
    private readonly hearer: Hearer,
  ) {
    addEventListener("pageshow", this.wake);
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.#seen);
    this.#open();
  }

  close(): void {
    this.#closed = true;
    removeEventListener("pageshow", this.wake);
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.#seen);
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    this.#sleep();
    this.#socket?.close();
  }

  find(id: string): View | undefined {
    return [this.current, this.wrapUp, this.waiting, this.recent]
      .flatMap((list) => list.value)
      .find((view) => view.id === id);
  }

  readonly wake = (): void => {
    if (this.#closed || this.#socket?.readyState === WebSocket.OPEN) return;
    this.#retry.failures = 0;
    this.#open();
  };

  readonly #seen = (): void => {
    if (!document.hidden) this.wake();
  };

  #open(): void {
    if (this.#closed || this.#socket) return;
    clearTimeout(this.#timer);
    const address = new URL("/v1/desk/live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#judge();
    socket.onmessage = (event) => this.#take(String(event.data));
    socket.onclose = (event) => {
      this.#socket = null;
      if (this.#closed) return;
      if (event.code === 4401 || event.code === 4403) return this.hearer.signedOut();
      this.#retry.closed(event.code);
      this.#timer = window.setTimeout(() => this.#open(), this.#retry.next());
      this.#judge();
    };
  }

  /** Say in a moment whether the desk is connected; what is over by then was no outage. */
  #judge(): void {
    this.#patience ||= window.setTimeout(() => {
      this.#patience = 0;
      this.online.value = this.#socket?.readyState === WebSocket.OPEN;
    }, PATIENCE_MS);
  }

  #take(text: string): void {
    const message = parse(text);
    if (!message) return;
    this.#retry.failures = 0;
    this.online.value = true;
    if (message.kind === "signed_out") this.hearer.signedOut();
    else if (message.kind === "session") this.#place(message.session);
    else if (message.kind === "gone") this.#remove(message.id);
    else if (message.kind === "calls") this.calls.value = message.calls;
    else if (message.kind === "pbxs") this.pbxs.value = message.pbxs;
    else if (message.kind === "state") this.state.value = message.state;
    else if (message.kind === "pause") this.pause.value = message.pause;
    else this.#replace(message);
  }

  #replace(lists: DeskLists): void {
    const [mine, queued] = [this.current, this.waiting].map(
      (list) => new Set(list.value.map((view) => view.id)),
    );
    const first = !this.loaded.value;
    this.calls.value = lists.calls;
    this.pbxs.value = lists.pbxs;
    this.state.value = lists.state;
    this.pause.value = lists.pause;
    const all = [...lists.current, ...lists.wrap_up, ...lists.waiting, ...lists.recent];
    const of = (list: typeof this.current) => all.filter((view) => this.listOf(view) === list);
    this.current.value = of(this.current).sort(newestFirst);
    this.wrapUp.value = of(this.wrapUp).sort(newestFirst);
    this.waiting.value = of(this.waiting).sort((a, b) => newestFirst(b, a));
    this.recent.value = of(this.recent).sort(newestFirst).slice(0, RECENT);
    this.loaded.value = true;
    if (first) return;
    this.current.value.filter((view) => !mine?.has(view.id)).forEach(this.hearer.fresh);
    this.waiting.value.filter((view) => !queued?.has(view.id)).forEach(this.hearer.waits);
  }

  #place(view: View): void {
    const list = this.listOf(view);
    const isNew = !list.value.some((known) => known.id === view.id);
    this.#remove(view.id);
    const order = list === this.waiting ? (a: View, b: View) => newestFirst(b, a) : newestFirst;
    list.value = [view, ...list.value].sort(order).slice(0, list === this.recent ? RECENT : MOST);
    if (list === this.current && isNew) this.hearer.fresh(view);
    if (list === this.waiting && isNew) this.hearer.waits(view);
  }

  /** Somebody waits no more, and it is another desk that has them. */
  #remove(id: string): void {
    for (const list of [this.current, this.wrapUp, this.waiting, this.recent]) {
      if (list.value.some((known) => known.id === id)) {
        list.value = list.value.filter((known) => known.id !== id);
      }
    }
  }

  /** Which list a session stands in: over is to be wrapped up, then recent, as what is passed on. */
  listOf(view: View) {
    if (view.state === "ended") {
      const mine = view.agent?.uri === this.agent.uri;
      const late = Date.parse(view.ended ?? "") < serverNow() - WRAP_UP_MS;
      return mine && !late && !view.wrap_up?.done ? this.wrapUp : this.recent;
    }
    if (!view.agent) return view.state === "suspended" ? this.recent : this.waiting;
    return view.agent.uri === this.agent.uri ? this.current : this.recent;
  }
}

function newestFirst(a: View, b: View): number {
  return Date.parse(b.created) - Date.parse(a.created);
}

function parse(text: string): Message | null {
  try {
    const value = JSON.parse(text) as Message;
    return typeof value === "object" && value !== null && typeof value.kind === "string"
      ? value
      : null;
  } catch {
    return null;
  }
}
