/** How persons and calls are named on a page. */
import type { Author } from "./lines";
import type { Party, View } from "./types";
import { t } from "./words";

/** The part of a URI people know: `sip:wang@example.org` -> wang, `tel:+3112` -> +3112. */
export function uriLabel(uri: string): string {
  if (/^web:/i.test(uri)) return uri.slice(4, 10); // random: enough to tell it from its neighbours
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
  return party.name?.trim() || uriLabel(party.label || party.uri);
}

/** Who wrote something, as the others know them. */
export function authorName(author: Author, view: View | null): string {
  if (author.role === "supervisor") {
    return t("role.of", { name: author.name, role: t("role.supervisor") });
  }
  return author.name || personName(view?.[author.role]) || t(`role.${author.role}`);
}
