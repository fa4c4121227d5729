/** The desk's live lists: current, waiting and recent sessions of the agent who is logged in. */
import { signal } from "@preact/signals";
import type { AgentAccount, DeskLists, View } from "./types";

/** Sessions shown as recent, at most. */
const RECENT = 50;
/** Sessions in the other lists, at most. */
const MOST = 500;
const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5_000;
/** The socket is quiet for long; this tells a slow start from a dead network. */
const PATIENCE_MS = 1_500;

type Message =
  | ({ kind: "desk" } & DeskLists)
  | { kind: "session"; session: View }
  | { kind: "gone"; id: string }
  | { kind: "signed_out" };

export class DeskFeed {
  readonly current = signal<readonly View[]>([]);
  readonly waiting = signal<readonly View[]>([]);
  readonly recent = signal<readonly View[]>([]);
  /** The lists have come once. */
  readonly loaded = signal(false);
  readonly online = signal(true);

  #socket: WebSocket | null = null;
  #failures = 0;
  #timer = 0;
  #patience = 0;
  #closed = false;

  /**
   * `fresh` is called for each session that became this agent's while the desk looked;
   * `signedOut` when the server ended the log-in.
   */
  constructor(
    readonly agent: AgentAccount,
    private readonly fresh: (view: View) => void,
    private readonly signedOut: () => void,
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
    this.#socket?.close();
  }

  find(id: string): View | undefined {
    return [this.current, this.waiting, this.recent]
      .flatMap((list) => list.value)
      .find((view) => view.id === id);
  }

  readonly wake = (): void => {
    if (this.#closed || this.#socket?.readyState === WebSocket.OPEN) return;
    this.#failures = 0;
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
    this.#patience ||= window.setTimeout(() => {
      this.#patience = 0;
      this.online.value = this.#socket?.readyState === WebSocket.OPEN;
    }, PATIENCE_MS);
    socket.onmessage = (event) => this.#take(String(event.data));
    socket.onclose = (event) => {
      this.#socket = null;
      if (this.#closed) return;
      if (event.code === 4401 || event.code === 4403) return this.signedOut();
      this.#again();
    };
  }

  #again(): void {
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#timer = window.setTimeout(() => this.#open(), wait * (0.5 + Math.random() / 2));
    this.#patience ||= window.setTimeout(() => {
      this.#patience = 0;
      this.online.value = this.#socket?.readyState === WebSocket.OPEN;
    }, PATIENCE_MS);
  }

  #take(text: string): void {
    const message = parse(text);
    if (!message) return;
    this.#failures = 0;
    this.online.value = true;
    if (message.kind === "signed_out") this.signedOut();
    else if (message.kind === "session") this.#place(message.session);
    else if (message.kind === "gone") this.#remove(message.id);
    else this.#replace(message);
  }

  #replace(lists: DeskLists): void {
    const known = new Set(this.current.value.map((view) => view.id));
    const first = !this.loaded.value;
    const all = [...lists.current, ...lists.waiting, ...lists.recent];
    const of = (list: typeof this.current) => all.filter((view) => this.listOf(view) === list);
    this.current.value = of(this.current).sort(newestFirst);
    this.waiting.value = of(this.waiting).sort((a, b) => newestFirst(b, a));
    this.recent.value = of(this.recent).sort(newestFirst).slice(0, RECENT);
    this.loaded.value = true;
    if (first) return;
    this.current.value.filter((view) => !known.has(view.id)).forEach(this.fresh);
  }

  #place(view: View): void {
    const isNew = !this.current.value.some((known) => known.id === view.id);
    this.#remove(view.id);
    const list = this.listOf(view);
    const order = list === this.waiting ? (a: View, b: View) => newestFirst(b, a) : newestFirst;
    list.value = [view, ...list.value].sort(order).slice(0, list === this.recent ? RECENT : MOST);
    if (list === this.current && isNew) this.fresh(view);
  }

  /** Somebody waits no more, and it is another desk that has them. */
  #remove(id: string): void {
    for (const list of [this.current, this.waiting, this.recent]) {
      if (list.value.some((known) => known.id === id)) {
        list.value = list.value.filter((known) => known.id !== id);
      }
    }
  }

  /** Which list a session stands in: over or passed on is recent. */
  listOf(view: View) {
    if (view.state === "ended") return this.recent;
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
