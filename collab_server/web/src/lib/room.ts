/**
 * One session's live connection: the shared document, who is there, and what the server has stored.
 *
 * The socket is y-websocket's; when to open it again is decided here, because a short-lived token
 * has to be fetched first and some close codes are final (4403, 4409, 4410, 4413).
 */
import { computed, signal } from "@preact/signals";
import { readVarString, readVarUint8Array } from "lib0/decoding";
import { createEncoder, toUint8Array, writeVarUint } from "lib0/encoding";
import { writeSyncStep1 } from "y-protocols/sync";
import { WebsocketProvider } from "y-websocket";
import { decodeStateVector, Doc } from "yjs";
import { serverNow } from "./clock";
import { type Problem, asProblem } from "./http";
import { forget, keep, restore } from "./keep";
import { append, type Line, lineId, LONGEST, readLines, type Vector } from "./lines";
import type { Role, SyncAccess, View } from "./types";

/** Message types: y-websocket's own, and those of this server. */
const SYNC = 0;
const STORED = 100;
const VIEW = 102;

/** Why the connection is over for good. */
export type Gone = "transferred" | "ended" | "forbidden" | "too-large";

export type LinkState = "connecting" | "online" | "offline";

/** How the reader's own lines stand: with the server, on the way, on this device, nowhere. */
export type SaveState = "saved" | "saving" | "device" | "nowhere";

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
const LONGEST_WAIT_MS = 5_000;
const TOO_FAST_WAIT_MS = 10_000;
const CONNECT_MS = 10_000;
/** A blip shorter than this is not shown. */
const PATIENCE_MS = 1_500;
const ANSWER_MS = 3_000;
const TYPING_MS = 4_000;
/** A token this close to its end is renewed before it is used. */
const TOKEN_MARGIN_MS = 5_000;

export interface RoomOptions {
  session: string;
  role: Role;
  /** As shown to the other side; empty for a caller, who is named by their role. */
  name: string;
  access: SyncAccess | null;
  /** Fetches a fresh token; throws Problem. */
  renew: () => Promise<SyncAccess>;
}

export class Room {
  readonly doc = new Doc();
  readonly link = signal<LinkState>("connecting");
  readonly view = signal<View | null>(null);
  readonly gone = signal<Gone | null>(null);
  /** Last passing fault of the connection, null while it stands. */
  readonly fault = signal<Problem | null>(null);
  /** The document has been in step with the server's once. */
  readonly synced = signal(false);
  readonly lines = signal<readonly Line[]>([]);
  /** Names of the others who are typing; empty names are the other role. */
  readonly typing = signal<readonly { role: Role; name: string }[]>([]);
  readonly save = computed<SaveState>(() => {
    if (!this.#unsaved.value) return "saved";
    if (!this.#kept.value) return "nowhere";
    return this.link.value === "online" ? "saving" : "device";
  });

  readonly #unsaved = signal(false);
  readonly #kept = signal(true);
  readonly #options: RoomOptions;
  #access: SyncAccess | null;
  #provider: WebsocketProvider | null = null;
  #storedBytes: Uint8Array | null = null;
  #stored: Vector = new Map();
  #failures = 0;
  #refresh = false;
  #opening = false;
  #closed = false;
  #retry = 0;
  #watch = 0;
  #patience = 0;
  #quiet = 0;
  #answer = 0;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#access = options.access;
    restore(options.session, this.doc);
    this.doc.on("update", this.#changed);
    this.#read();
    addEventListener("pageshow", this.wake);
    addEventListener("online", this.wake);
    addEventListener("offline", this.#dropped);
    document.addEventListener("visibilitychange", this.#seen);
    void this.#open();
  }

  get session(): string {
    return this.#options.session;
  }

  get role(): Role {
    return this.#options.role;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Write under this name from now on. */
  rename(name: string): void {
    if (name === this.#options.name) return;
    this.#options.name = name;
    this.#provider?.awareness.setLocalStateField("name", name);
  }

  /** Put a line into the chat; it is kept on the device until the server has stored it. */
  say(text: string): void {
    const { role, name } = this.#options;
    const at = new Date(serverNow()).toISOString();
    append(this.doc, { id: lineId(), from: role, name, text: text.slice(0, LONGEST), at });
    this.setTyping(false);
  }

  setTyping(typing: boolean): void {
    clearTimeout(this.#quiet);
    if (typing) this.#quiet = window.setTimeout(() => this.setTyping(false), TYPING_MS);
    const awareness = this.#provider?.awareness;
    if (awareness && awareness.getLocalState()?.["typing"] !== typing) {
      awareness.setLocalStateField("typing", typing);
    }
  }

  /** Connect now, if not connected: the page came back to the front, or the network did. */
  readonly wake = (): void => {
    if (this.#closed || this.gone.value) return;
    if (this.#provider?.wsconnected) {
      this.#probe(this.#provider);
      return;
    }
    this.#failures = 0;
    void this.#open();
  };

  /** A socket may have died while the page slept or the network changed: it has to answer soon. */
  #probe(provider: WebsocketProvider): void {
    const asked = Date.now();
    const encoder = createEncoder();
    writeVarUint(encoder, SYNC);
    writeSyncStep1(encoder, this.doc);
    provider.ws?.send(toUint8Array(encoder));
    clearTimeout(this.#answer);
    this.#answer = window.setTimeout(() => {
      if (!provider.wsconnected) return;
      if (provider.wsLastMessageReceived < asked) provider.disconnect();
    }, ANSWER_MS);
  }

  /** The server has answered: a socket that was in doubt stands. */
  #answered(): void {
    if (this.#provider?.wsconnected && navigator.onLine) this.link.value = "online";
  }

  close(): void {
    this.#closed = true;
    removeEventListener("pageshow", this.wake);
    removeEventListener("online", this.wake);
    removeEventListener("offline", this.#dropped);
    document.removeEventListener("visibilitychange", this.#seen);
    const timers = [this.#retry, this.#watch, this.#patience, this.#quiet, this.#answer];
    timers.forEach((timer) => clearTimeout(timer));
    this.#provider?.destroy();
    this.#provider?.awareness.destroy();
    this.doc.destroy();
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
    const provider = new WebsocketProvider(access.url, access.room, this.doc, {
      connect: false,
      disableBc: true,
      shouldReconnect: () => false,
    });
    const sync = provider.messageHandlers[SYNC];
    provider.messageHandlers[SYNC] = (encoder, decoder, ...rest) => {
      sync?.(encoder, decoder, ...rest);
      this.#answered();
    };
    provider.messageHandlers[STORED] = (_encoder, decoder) => {
      this.#storedBytes = readVarUint8Array(decoder);
      this.#stored = decodeStateVector(this.#storedBytes);
      this.#read();
    };
    provider.messageHandlers[VIEW] = (_encoder, decoder) => {
      const view = parseView(readVarString(decoder));
      if (view) this.view.value = view;
    };
    provider.on("status", ({ status }) => {
      if (status !== "connected") return;
      clearTimeout(this.#watch);
      clearTimeout(this.#patience);
      this.#patience = 0;
      this.link.value = "online";
      this.fault.value = null;
      // Only now does the server send its own types: a stock client would log errors for them.
      const encoder = createEncoder();
      writeVarUint(encoder, STORED);
      provider.ws?.send(toUint8Array(encoder));
    });
    provider.on("sync", (synced: boolean) => {
      if (!synced) return;
      this.#failures = 0;
      this.synced.value = true;
    });
    provider.on("connection-close", (event) => {
      provider.shouldConnect = false; // its own retry would show the old token again
      this.#dropped();
      this.#ended(event?.code ?? 0);
    });
    provider.awareness.setLocalState({
      role: this.#options.role,
      name: this.#options.name,
      typing: false,
    });
    provider.awareness.on("change", () => this.#peers(provider));
    this.#provider = provider;
    return provider;
  }

  #ended(code: number): void {
    if (this.#closed) return;
    const gone = GONE[code];
    if (gone) {
      this.gone.value = gone;
      this.link.value = "offline";
      return;
    }
    // 4401 says the token is old; a handshake that fails says nothing, so ask by HTTP then too.
    if (code === 4401 || this.#failures > 0) this.#refresh = true;
    this.#again(code === 4429 ? TOO_FAST_WAIT_MS : 0);
  }

  #refused(problem: Problem): void {
    const gone = problem.why === "revoked" ? "transferred" : GONE_STATUS[problem.status];
    if (gone) {
      this.gone.value = gone;
      this.link.value = "offline";
      return;
    }
    this.fault.value = problem;
    this.#again(problem.retryAfter * 1000);
  }

  #again(atLeast: number): void {
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS);
    this.#failures = Math.min(this.#failures + 1, 10);
    clearTimeout(this.#retry);
    this.#retry = window.setTimeout(
      () => void this.#open(),
      Math.max(atLeast, wait * (0.5 + Math.random() / 2)),
    );
  }

  readonly #dropped = (): void => {
    if (this.link.value === "online") this.link.value = "connecting";
    this.#impatient();
  };

  /** Call the link offline when it does not stand soon. */
  #impatient(): void {
    if (this.#patience || this.link.value !== "connecting") return;
    this.#patience = window.setTimeout(() => {
      this.#patience = 0;
      this.link.value = this.#provider?.wsconnected && navigator.onLine ? "online" : "offline";
    }, PATIENCE_MS);
  }

  readonly #seen = (): void => {
    if (!document.hidden) this.wake();
  };

  readonly #changed = (_update: Uint8Array, origin: unknown): void => {
    this.#read(origin === null);
  };

  #read(own = false): void {
    const lines = readLines(this.doc, this.#stored);
    this.lines.value = lines;
    const unsaved = lines.some((line) => !line.stored && line.from === this.#options.role);
    if (unsaved && (own || !this.#unsaved.value)) {
      this.#kept.value = keep(this.session, this.doc, this.#storedBytes);
    } else if (!unsaved && this.#storedBytes) {
      forget(this.session);
      this.#kept.value = true;
    }
    this.#unsaved.value = unsaved;
  }

  #peers(provider: WebsocketProvider): void {
    const typing: { role: Role; name: string }[] = [];
    for (const [client, state] of provider.awareness.getStates()) {
      if (client === this.doc.clientID || state["typing"] !== true) continue;
      const role = state["role"] === "agent" ? "agent" : "user";
      const name = typeof state["name"] === "string" ? state["name"].slice(0, 80) : "";
      if (typing.length < 4) typing.push({ role, name });
    }
    this.typing.value = typing;
  }
}

function expired(access: SyncAccess): boolean {
  return Date.parse(access.expires) - Date.now() < TOKEN_MARGIN_MS;
}

function parseView(text: string): View | null {
  try {
    const value = JSON.parse(text) as View;
    return typeof value === "object" && value !== null && typeof value.state === "string"
      ? value
      : null;
  } catch {
    return null;
  }
}
