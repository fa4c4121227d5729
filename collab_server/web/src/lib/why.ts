/** Why something was refused or came to nothing, in the reader's language, by the server's code. */
import { tOr } from "./words";

/** A code's sentence; "": the server gave none, or this page has no words for it. */
export function whyText(code: string | null | undefined): string {
  return code ? tOr(`why.${code}`, "") : "";
}
