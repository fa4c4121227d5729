/** Keeps what the server has not stored yet on the device, so that a reload loses no line. */
import { applyUpdate, type Doc, encodeStateAsUpdate } from "yjs";
import { fromBase64, toBase64 } from "lib0/buffer";
import { recall, remember } from "./device";

/** Most characters kept for one session; a document over it is kept without its stored part. */
const MOST = 1_000_000;

const key = (session: string) => `tandem.keep.${session}`;

/** Put what an earlier visit kept into the document. */
export function restore(session: string, doc: Doc): void {
  const kept = recall(key(session));
  if (!kept) return;
  try {
    applyUpdate(doc, fromBase64(kept), "device");
  } catch {
    remember(key(session), null); // not ours, or cut off: of no use to anybody
  }
}

/** Keep the document; `stored` is the state vector the server has. False: the device would not. */
export function keep(session: string, doc: Doc, stored: Uint8Array | null): boolean {
  const whole = toBase64(encodeStateAsUpdate(doc));
  if (whole.length <= MOST && remember(key(session), whole)) return true;
  const rest = toBase64(encodeStateAsUpdate(doc, stored ?? undefined));
  return rest.length <= MOST && remember(key(session), rest);
}

export function forget(session: string): void {
  remember(key(session), null);
}
