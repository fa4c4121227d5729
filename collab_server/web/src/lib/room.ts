/** One session as this page has it: the shared document, its state, and what of it is stored. */
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { decodeStateVector, Doc } from "yjs";
import { serverNow } from "./clock";
import { Keep } from "./keep";
import {
  append,
  type Author,
  type Line,
  lineId,
  LONGEST,
  readAuthors,
  readLines,
  type Vector,
} from "./lines";
import { SyncLink } from "./sync-link";
import type { Invited, Seat, SyncAccess, View } from "./types";

/** How the reader's own lines stand: with the server, on the way, on this device, nowhere. */
export type SaveState = "saved" | "saving" | "device" | "nowhere";

export interface RoomOptions {
  session: string;
  role: Seat;
  /** Whose lines are kept on this device: a role, or an agent's URI. */
  who: string;
  access: SyncAccess | null;
  /** Fetches a fresh token; throws Problem. */
  renew: () => Promise<SyncAccess>;
}

const TYPING_MS = 4_000;
/** Others shown as typing, at most. */
const MOST_TYPING = 4;

export class Room {
  readonly session: string;
  readonly role: Seat;
  readonly doc = new Doc();
  readonly view = signal<View | null>(null);
  readonly lines = signal<readonly Line[]>([]);
  /** The others who are typing. */
  readonly typing = signal<readonly Author[]>([]);
  /** An agent invites who has this page open to another session. */
  readonly invited = signal<Invited | null>(null);
  readonly save: ReadonlySignal<SaveState>;
  readonly socket: SyncLink;

  readonly #unsaved = signal(false);
  readonly #kept = signal(true);
  readonly #keep: Keep;
  readonly #authors: Map<number, Author>;
  #typing = false;
  #storedBytes: Uint8Array | null = null;
  #stored: Vector = new Map();
  #quiet = 0;

  constructor(options: RoomOptions) {
    this.session = options.session;
    this.role = options.role;
    this.#keep = new Keep(options.session, options.who, this.doc);
    this.#authors = this.#keep.restore();
    this.#authors.set(this.doc.clientID, { role: options.role, name: "", me: true });
    this.doc.on("update", (_update: Uint8Array, origin: unknown) => this.#read(origin === null));
    this.socket = new SyncLink({
      doc: this.doc,
      local: { typing: false },
      access: options.access,
      renew: options.renew,
      stored: (vector) => {
        this.#storedBytes = vector;
        this.#stored = decodeStateVector(vector);
        this.#read();
      },
      view: (text) => {
        this.view.value = parseView(text) ?? this.view.value;
      },
      peers: (states) => {
        this.typing.value = [...states]
          .filter(([, state]) => state["typing"] === true)
          .flatMap(([client]) => this.#authors.get(client) ?? [])
          .slice(0, MOST_TYPING);
      },
      // It was another's, who used this browser before: a reload begins without it.
      disowned: () => this.#keep.forget(),
      page: (text) => {
        this.invited.value = parseInvited(text) ?? this.invited.value;
      },
      writers: (text) => {
        readAuthors(text).forEach((author, client) => this.#authors.set(client, author));
        this.#read();
      },
    });
    this.save = computed(() => {
      if (!this.#unsaved.value) return "saved";
      if (!this.#kept.value) return "nowhere";
      return this.socket.state.value === "online" ? "saving" : "device";
    });
    this.#read();
  }

  /** Put a line into the chat; it is kept on the device until the server has stored it. */
  say(text: string): void {
    const at = new Date(serverNow()).toISOString();
    append(this.doc, { id: lineId(), text: text.slice(0, LONGEST), at });
    this.setTyping(false);
  }

  setTyping(typing: boolean): void {
    clearTimeout(this.#quiet);
    if (typing) this.#quiet = window.setTimeout(() => this.setTyping(false), TYPING_MS);
    if (typing === this.#typing) return;
    this.#typing = typing;
    this.socket.show({ typing });
  }

  close(): void {
    clearTimeout(this.#quiet);
    this.socket.close();
    this.doc.destroy();
  }

  #read(own = false): void {
    const lines = readLines(this.doc, this.#stored, this.#authors);
    this.lines.value = lines;
    const unsaved = lines.some((line) => !line.stored && line.author.me);
    if (unsaved && (own || !this.#unsaved.value)) {
      this.#kept.value = this.#keep.save(this.#storedBytes, this.#authors);
    } else if (!unsaved && this.#storedBytes) {
      this.#keep.forget();
      this.#kept.value = true;
    }
    this.#unsaved.value = unsaved;
  }
}

function parseInvited(text: string): Invited | null {
  try {
    const value = JSON.parse(text) as Invited;
    const fits = value?.kind === "invited" && typeof value.join_url === "string";
    return fits ? value : null;
  } catch {
    return null;
  }
}

function parseView(text: string): View | null {
  try {
    const value = JSON.parse(text) as View;
    const fits = typeof value === "object" && value !== null && typeof value.state === "string";
    return fits ? value : null;
  } catch {
    return null;
  }
}
