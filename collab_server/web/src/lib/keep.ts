/** Keeps what the server has not stored yet on the device, so that a reload loses no line. */
import { applyUpdate, type Doc, encodeStateAsUpdate } from "yjs";
import { fromBase64, toBase64 } from "lib0/buffer";
import { recall, remember } from "./device";
import { type Authors, readAuthors } from "./lines";
import type { Role } from "./types";

/** Most characters kept for one session; a document over it is kept without its stored part. */
const MOST = 1_000_000;

/** A browser may hold both sides of a session; what one wrote the other cannot send. */
const key = (session: string, role: Role) => `tandem.keep.${session}.${role}`;

/** Put what an earlier visit kept into the document; gives who wrote it. */
export function restore(session: string, role: Role, doc: Doc): Authors {
  const [update, authors] = recall(key(session, role))?.split(" ", 2) ?? [];
  if (!update) return new Map();
  try {
    applyUpdate(doc, fromBase64(update), "device");
    return readAuthors(new TextDecoder().decode(fromBase64(authors ?? "")));
  } catch {
    forget(session, role); // not ours, or cut off: of no use to anybody
    return new Map();
  }
}

/**
 * Keep the document and who wrote it; `stored` is the state vector the server has. False: the
 * device would not.
 */
export function keep(
  session: string,
  role: Role,
  doc: Doc,
  stored: Uint8Array | null,
  authors: Authors,
): boolean {
  const names = JSON.stringify(Object.fromEntries(authors));
  const tail = " " + toBase64(new TextEncoder().encode(names));
  const whole = toBase64(encodeStateAsUpdate(doc)) + tail;
  if (whole.length <= MOST && remember(key(session, role), whole)) return true;
  const rest = toBase64(encodeStateAsUpdate(doc, stored ?? undefined)) + tail;
  return rest.length <= MOST && remember(key(session, role), rest);
}

export function forget(session: string, role: Role): void {
  remember(key(session, role), null);
}
