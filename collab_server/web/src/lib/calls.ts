/** What a call of the list is for, in words. */
import type { CallItem } from "./types";
import { t, tOr } from "./words";

/** Its collaboration type; a call that was marked wrongly has none and is no ordinary one. */
export function callType(call: CallItem): string {
  if (call.type) return tOr(`type.${call.type}`, call.type);
  return t(call.ordinary ? "type.call" : "type.none");
}
