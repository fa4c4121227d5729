/** The desk as it changes: sessions, calls, and whether the agent is ready. */
import { signal } from "@preact/signals";
import { serverNow } from "./clock";
import { LiveSocket } from "./live";
import { stayAwake } from "./once";
import type { AgentAccount, DeskLists, DeskState, QueuePause, StandingCall, View } from "./types";

/** Sessions shown as recent, at most. */
const RECENT = 50;
/** Sessions in the other lists, at most. */
const MOST = 500;
/** How long after its end a session is held out to be wrapped up; the server does so as long. */
const WRAP_UP_MS = 12 * 3600_000;

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

  readonly #socket: LiveSocket;
  readonly #sleep = stayAwake();

  constructor(
    readonly agent: AgentAccount,
    private readonly hearer: Hearer,
  ) {
    const take = (message: Record<string, unknown>) => this.#take(message as Message);
    this.#socket = new LiveSocket("/v1/desk/live", take, () => hearer.signedOut());
  }

  get online() {
    return this.#socket.online;
  }

  close(): void {
    this.#sleep();
    this.#socket.close();
  }

  find(id: string): View | undefined {
    return [this.current, this.wrapUp, this.waiting, this.recent]
      .flatMap((list) => list.value)
      .find((view) => view.id === id);
  }

  #take(message: Message): void {
    if (message.kind === "signed_out") this.hearer.signedOut();
    else if (message.kind === "session") this.#place(message.session);
    else if (message.kind === "gone") this.#remove(message.id);
    else if (message.kind === "calls") this.calls.value = message.calls;
    else if (message.kind === "pbxs") this.pbxs.value = message.pbxs;
    else if (message.kind === "state") this.state.value = message.state;
    else if (message.kind === "pause") this.pause.value = message.pause;
    else if (message.kind === "desk") this.#replace(message);
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
