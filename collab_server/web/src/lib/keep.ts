/** Keeps what the server has not stored yet on the device, so that a reload loses no line. */
import { applyUpdate, type Doc, encodeStateAsUpdate } from "yjs";
import { fromBase64, toBase64 } from "lib0/buffer";
import { kept, recall, remember } from "./device";
import { type Author, type Authors, readAuthors } from "./lines";

/** Most characters kept for one session; a document over it is kept without its stored part. */
const MOST = 1_000_000;

/**
 * What one window keeps of a session. Each has a place of its own, so that windows do not undo each
 * other's; and a browser may hold both sides of a session, or had another agent's before: `who`
 * tells them apart, for what one wrote the other cannot send.
 */
export class Keep {
  readonly #doc: Doc;
  readonly #all: string;
  readonly #own: string;
  /** What earlier windows left and this one has taken over. */
  readonly #taken = new Map<string, string>();

  constructor(session: string, who: string, doc: Doc) {
    this.#doc = doc;
    this.#all = `tandem.keep.${session}.${who}.`;
    this.#own = this.#all + doc.clientID;
  }

  /** Put what earlier windows kept into the document; gives who wrote it. */
  restore(): Map<number, Author> {
    const found = new Map<number, Author>();
    for (const key of kept(this.#all)) {
      const value = recall(key);
      const [update, authors] = value?.split(" ", 2) ?? [];
      if (!value || !update) continue;
      try {
        applyUpdate(this.#doc, fromBase64(update), "device");
        const names = readAuthors(new TextDecoder().decode(fromBase64(authors ?? "")));
        names.forEach((author, client) => found.set(client, author));
        this.#taken.set(key, value);
      } catch {
        remember(key, null); // not ours, or cut off: of no use to anybody
      }
    }
    return found;
  }

  /**
   * Keep the document and who wrote it; `stored` is the state vector the server has. False: the
   * device would not.
   */
  save(stored: Uint8Array | null, authors: Authors): boolean {
    const names = JSON.stringify(Object.fromEntries(authors));
    const tail = " " + toBase64(new TextEncoder().encode(names));
    const whole = toBase64(encodeStateAsUpdate(this.#doc)) + tail;
    if (whole.length <= MOST && remember(this.#own, whole)) return true;
    const rest = toBase64(encodeStateAsUpdate(this.#doc, stored ?? undefined)) + tail;
    return rest.length <= MOST && remember(this.#own, rest);
  }

  /** The server has it all: forget it, but not what another window has added since. */
  forget(): void {
    remember(this.#own, null);
    this.#taken.forEach((value, key) => {
      if (recall(key) === value) remember(key, null);
    });
    this.#taken.clear();
  }
}
