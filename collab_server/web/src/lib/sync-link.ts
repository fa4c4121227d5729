/**
 * The socket of a session: opened with a short-lived token, opened again after it broke.
 *
 * The protocol is y-websocket's; when to open again is decided here, because a fresh token has to
 * be fetched first and some close codes are final (4403, 4409, 4410, 4413).
 */
import { signal } from "@preact/signals";
import { readVarString, readVarUint8Array } from "lib0/decoding";
import { createEncoder, toUint8Array, writeVarUint } from "lib0/encoding";
import { writeSyncStep1 } from "y-protocols/sync";
import { WebsocketProvider } from "y-websocket";
import type { Doc } from "yjs";
import { serverNow } from "./clock";
import { asProblem, type Problem } from "./http";
import { Retry } from "./retry";
import type { SyncAccess } from "./types";

/** Message types: y-websocket's own, and those of this server. */
const SYNC = 0;
const STORED = 100;
const VIEW = 102;
const WRITERS = 103;
const PAGE = 104;

/** Why the connection is over for good. */
export type Gone = "transferred" | "ended" | "forbidden" | "too-large";

export type LinkState = "connecting" | "online" | "offline";

const GONE: Record<number, Gone> = {
  4403: "forbidden",
  4409: "transferred",
  4410: "ended",
  4413: "too-large",
};
const GONE_STATUS: Record<number, Gone> = {
  401: "forbidden",
  403: "forbidden",
  404: "forbidden",
  409: "transferred",
  410: "ended",
};

const FIRST_WAIT_MS = 250;
const TOO_FAST_WAIT_MS = 10_000;
const CONNECT_MS = 10_000;
/** A blip shorter than this is not shown. */
const PATIENCE_MS = 1_500;
const ANSWER_MS = 3_000;
/** A token this close to its end is renewed before it is used. */
const TOKEN_MARGIN_MS = 5_000;

/** What everybody in the session sees of this page. Whose it is they have from the server. */
export interface Local {
  typing: boolean;
}

export interface LinkOptions {
  doc: Doc;
  local: Local;
  /** The first token, where there is one already. */
  access: SyncAccess | null;
  /** Fetches a fresh token; throws Problem. */
  renew: () => Promise<SyncAccess>;
  /** The server has stored the document up to this state vector. */
  stored: (vector: Uint8Array) => void;
  /** The session's state, as JSON. */
  view: (text: string) => void;
  /** The server takes nothing of this document: it says what somebody else wrote. */
  disowned: () => void;
  /** Whose the Yjs clients of the document are, as JSON; more of them come later. */
  writers: (text: string) => void;
  /** Something for who has this page open, as JSON. */
  page: (text: string) => void;
  /** What each other client shows of itself. Written by their pages: to be checked. */
  peers: (states: ReadonlyMap<number, Record<string, unknown>>) => void;
}

export class SyncLink {
  readonly state = signal<LinkState>("connecting");
  readonly gone = signal<Gone | null>(null);
  /** Last passing fault, null while the connection stands. */
  readonly fault = signal<Problem | null>(null);
  /** The document has been in step with the server's once. */
  readonly synced = signal(false);

  readonly #options: LinkOptions;
  #access: SyncAccess | null;
  #provider: WebsocketProvider | null = null;
  readonly #retries = new Retry(FIRST_WAIT_MS);
  #refresh = false;
  #opening = false;
  #closed = false;
  #retry = 0;
  #watch = 0;
  #patience = 0;
  #answer = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#access = options.access;
    addEventListener("pageshow", this.wake);
    addEventListener("online", this.wake);
    addEventListener("offline", this.#dropped);
    document.addEventListener("visibilitychange", this.#seen);
    void this.#open();
  }

  /** Connect now, if not connected: the page came back to the front, or the network did. */
  readonly wake = (): void => {
    if (this.#closed || this.gone.value) return;
    if (this.#provider?.wsconnected) {
      this.#probe(this.#provider);
      return;
    }
    this.#retries.failures = 0;
    void this.#open();
  };

  /** Change what the others see of this page. */
  show(change: Partial<Local>): void {
    Object.assign(this.#options.local, change);
    this.#provider?.awareness.setLocalState({ ...this.#options.local });
  }

  close(): void {
    this.#closed = true;
    removeEventListener("pageshow", this.wake);
    removeEventListener("online", this.wake);
    removeEventListener("offline", this.#dropped);
    document.removeEventListener("visibilitychange", this.#seen);
    const timers = [this.#retry, this.#watch, this.#patience, this.#answer];
    timers.forEach((timer) => clearTimeout(timer));
    this.#provider?.destroy();
    this.#provider?.awareness.destroy();
  }

  async #open(): Promise<void> {
    if (this.#closed || this.gone.value || this.#opening || this.#provider?.wsconnected) return;
    clearTimeout(this.#retry);
    this.#impatient();
    this.#opening = true;
    try {
      if (this.#refresh || !this.#access || expired(this.#access)) {
        this.#access = await this.#options.renew();
        this.#refresh = false;
      }
    } catch (error) {
      this.#refused(asProblem(error));
      return;
    } finally {
      this.#opening = false;
    }
    if (this.#closed) return;
    this.#provider ??= this.#makeProvider(this.#access);
    this.#provider.protocols = ["tandem", this.#access.token];
    clearTimeout(this.#watch);
    this.#watch = window.setTimeout(() => {
      if (!this.#provider?.wsconnected) this.#provider?.disconnect();
    }, CONNECT_MS);
    this.#provider.connect();
  }

  #makeProvider(access: SyncAccess): WebsocketProvider {
    const { doc, local, peers } = this.#options;
    const provider = new WebsocketProvider(access.url, access.room, doc, {
      connect: false,
      disableBc: true,
      shouldReconnect: () => false,
    });
    this.#handle(provider);
    provider.on("status", ({ status }) => {
      if (status === "connected") this.#connected(provider);
    });
    provider.on("sync", (synced: boolean) => {
      if (!synced) return;
      this.#retries.failures = 0;
      this.synced.value = true;
    });
    provider.on("connection-close", (event) => {
      provider.shouldConnect = false; // its own retry would show the old token again
      this.#dropped();
      this.#ended(event?.code ?? 0);
    });
    provider.awareness.setLocalState({ ...local });
    provider.awareness.on("change", () => {
      const states = new Map(provider.awareness.getStates());
      states.delete(doc.clientID);
      peers(states);
    });
    return provider;
  }

  #handle(provider: WebsocketProvider): void {
    const sync = provider.messageHandlers[SYNC];
    provider.messageHandlers[SYNC] = (encoder, decoder, ...rest) => {
      sync?.(encoder, decoder, ...rest);
      // A socket that was in doubt stands.
      if (provider.wsconnected && navigator.onLine) this.state.value = "online";
    };
    provider.messageHandlers[STORED] = (_encoder, decoder) => {
      this.#options.stored(readVarUint8Array(decoder));
    };
    provider.messageHandlers[VIEW] = (_encoder, decoder) => {
      this.#options.view(readVarString(decoder));
    };
    provider.messageHandlers[WRITERS] = (_encoder, decoder) => {
      this.#options.writers(readVarString(decoder));
    };
    provider.messageHandlers[PAGE] = (_encoder, decoder) => {
      this.#options.page(readVarString(decoder));
    };
  }

  #connected(provider: WebsocketProvider): void {
    clearTimeout(this.#watch);
    clearTimeout(this.#patience);
    this.#patience = 0;
    this.state.value = "online";
    this.fault.value = null;
    // Only now does the server send its own types: a stock client would log errors for them.
    const encoder = createEncoder();
    writeVarUint(encoder, STORED);
    provider.ws?.send(toUint8Array(encoder));
  }

  /** A socket may have died while the page slept or the network changed: it has to answer soon. */
  #probe(provider: WebsocketProvider): void {
    const asked = Date.now();
    const encoder = createEncoder();
    writeVarUint(encoder, SYNC);
    writeSyncStep1(encoder, this.#options.doc);
    provider.ws?.send(toUint8Array(encoder));
    clearTimeout(this.#answer);
    this.#answer = window.setTimeout(() => {
      if (provider.wsconnected && provider.wsLastMessageReceived < asked) provider.disconnect();
    }, ANSWER_MS);
  }

  #ended(code: number): void {
    if (this.#closed) return;
    if (code === 4403) this.#options.disowned();
    if (this.#isGone(GONE[code])) return;
    // 4401 says the token is old; a handshake that fails says nothing, so ask by HTTP then too.
    this.#retries.closed(code);
    if (code === 4401 || this.#retries.failures > 0) this.#refresh = true;
    this.#again(code === 4429 ? TOO_FAST_WAIT_MS : 0);
  }

  #refused(problem: Problem): void {
    if (this.#closed) return;
    const revoked = problem.why === "revoked";
    if (this.#isGone(revoked ? "transferred" : GONE_STATUS[problem.status])) return;
    this.fault.value = problem;
    this.#again(problem.retryAfter * 1000);
  }

  #isGone(gone: Gone | undefined): boolean {
    if (!gone) return false;
    this.gone.value = gone;
    this.state.value = "offline";
    return true;
  }

  #again(atLeast: number): void {
    const wait = Math.max(atLeast, this.#retries.next());
    clearTimeout(this.#retry);
    this.#retry = window.setTimeout(() => void this.#open(), wait);
  }

  readonly #dropped = (): void => {
    if (this.state.value === "online") this.state.value = "connecting";
    this.#impatient();
  };

  /** Call the link offline when it does not stand soon. */
  #impatient(): void {
    if (this.#patience || this.state.value !== "connecting") return;
    this.#patience = window.setTimeout(() => {
      this.#patience = 0;
      this.state.value = this.#provider?.wsconnected && navigator.onLine ? "online" : "offline";
    }, PATIENCE_MS);
  }

  readonly #seen = (): void => {
    if (!document.hidden) this.wake();
  };
}

function expired(access: SyncAccess): boolean {
  return Date.parse(access.expires) - serverNow() < TOKEN_MARGIN_MS;
}
