/** How persons and calls are named on a page. */
import type { Party } from "./types";

/** The part of a URI people know: `sip:wang@example.org` -> wang, `tel:+3112` -> +3112. */
export function uriLabel(uri: string): string {
  const bare = uri.replace(/^(sips?|tel|mailto|web):/i, "").replace(/[;?].*$/, "");
  const [first = ""] = bare.split("@");
  try {
    return decodeURIComponent(first) || uri;
  } catch {
    return first || uri;
  }
}

export function personName(party: Party | null | undefined): string {
  if (!party) return "";
  return party.name?.trim() || uriLabel(party.uri);
}
