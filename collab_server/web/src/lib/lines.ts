/** The chat inside the shared document: lines in order, each with whether the server stored it. */
import type { Array as YArray, Doc, Item } from "yjs";
import type { Role } from "./types";

/** One line of chat as it stands in the document. */
export interface ChatLine {
  id: string;
  from: Role;
  name: string;
  text: string;
  /** ISO 8601. */
  at: string;
}

export interface Line extends ChatLine {
  stored: boolean;
}

/** Longest text of one line, in UTF-16 units. */
export const LONGEST = 4000;

/** State vector: client -> how much of what it wrote is meant. */
export type Vector = ReadonlyMap<number, number>;

export function chatOf(doc: Doc): YArray<unknown> {
  return doc.getArray("chat");
}

/**
 * Every readable line. The other side's page wrote these values: what has not the agreed shape is
 * left out, what is too long is cut.
 */
export function readLines(doc: Doc, stored: Vector): Line[] {
  const lines: Line[] = [];
  for (let item: Item | null = chatOf(doc)._start; item; item = item.right) {
    if (item.deleted || !item.countable) continue;
    const { client, clock } = item.id;
    item.content.getContent().forEach((value: unknown, offset: number) => {
      const line = asLine(value);
      if (line) lines.push({ ...line, stored: (stored.get(client) ?? 0) > clock + offset });
    });
  }
  return lines;
}

export function asLine(value: unknown): ChatLine | null {
  if (typeof value !== "object" || value === null) return null;
  const { id, from, name, text, at } = value as Record<string, unknown>;
  if (from !== "user" && from !== "agent") return null;
  if (typeof id !== "string" || typeof text !== "string" || typeof at !== "string") return null;
  if (!text.trim()) return null;
  return {
    id,
    from,
    name: typeof name === "string" ? name.slice(0, 80) : "",
    text: text.slice(0, LONGEST),
    at,
  };
}

export function append(doc: Doc, line: ChatLine): void {
  chatOf(doc).push([line]);
}

/** A random id; `crypto.randomUUID` exists on secure origins only. */
export function lineId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
