/** The floor as it changes: all agents, and the sessions that stand. */
import { signal } from "@preact/signals";
import type { FloorAgent, FloorSession } from "./floor";
import { LiveSocket } from "./live";

/** Sessions held at most; the server sends as many. */
const MOST = 1_000;

export class FloorFeed {
  readonly agents = signal<readonly FloorAgent[]>([]);
  readonly sessions = signal<readonly FloorSession[]>([]);
  /** The floor has come once. */
  readonly loaded = signal(false);
  readonly #socket: LiveSocket;

  constructor(signedOut: () => void) {
    const take = (message: Record<string, unknown>) => {
      if (message["kind"] === "signed_out") signedOut();
      else this.#take(message);
    };
    this.#socket = new LiveSocket("/v1/floor/live", take, signedOut);
  }

  get online() {
    return this.#socket.online;
  }

  find(id: string | null): FloorSession | undefined {
    return this.sessions.value.find((session) => session.id === id);
  }

  close(): void {
    this.#socket.close();
  }

  #take(message: Record<string, unknown>): void {
    if (message["kind"] === "floor") {
      this.agents.value = message["agents"] as FloorAgent[];
      this.sessions.value = message["sessions"] as FloorSession[];
      this.loaded.value = true;
    } else if (message["kind"] === "session") {
      const session = message["session"] as FloorSession;
      const others = this.sessions.value.filter((known) => known.id !== session.id);
      this.sessions.value = session.state === "ended" ? others : [...others, session].slice(-MOST);
    } else if (message["kind"] === "gone") {
      // It is another team's now.
      this.sessions.value = this.sessions.value.filter((known) => known.id !== message["id"]);
    } else if (message["kind"] === "agent") {
      // As much of how they stand as has changed.
      const { kind: _, ...changed } = message as unknown as FloorAgent & { kind: string };
      this.agents.value = this.agents.value.map((agent) =>
        agent.uri === changed.uri ? { ...agent, ...changed } : agent,
      );
    }
  }
}
