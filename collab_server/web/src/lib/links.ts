/** Finds http(s) links in plain text, so that chat never needs HTML. */

export interface Piece {
  text: string;
  /** Address to open; absent for plain text. */
  href?: string;
}

// The listed full-width marks (， ； ！ ？ （ ） 、 。 …) end a link in Chinese text.
const LINK =
  /https?:\/\/[^\s<>"'`\u3001\u3002\u300a-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f]+/giu;
const TRAILING = ".,;:!?'\")]}";
const OPENS: Record<string, string> = { ")": "(", "]": "[" };

/** Split a text into plain pieces and links, in order; joined they give the text again. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const raw = trimmed(match[0]);
    const href = address(raw);
    if (!href) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: raw, href });
    end = match.index + raw.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/**
 * Punctuation at the end belongs to the sentence, a closing bracket only when it was not opened.
 * Each character is looked at once: who writes lines full of brackets must hold up no page.
 */
function trimmed(raw: string): string {
  const left: Record<string, number> = {};
  for (const mark of raw) left[mark] = (left[mark] ?? 0) + 1;
  let end = raw.length;
  for (; TRAILING.includes(raw.charAt(end - 1)); end--) {
    const last = raw.charAt(end - 1);
    const opens = OPENS[last];
    if (opens && (left[opens] ?? 0) >= left[last]!) break;
    left[last]!--;
  }
  return raw.slice(0, end);
}

function address(raw: string): string | undefined {
  try {
    const url = new URL(raw);
    const web = url.protocol === "http:" || url.protocol === "https:";
    // A name and password before the host make a link look like another site's.
    return web && url.hostname && !url.username && !url.password ? url.href : undefined;
  } catch {
    return undefined;
  }
}
