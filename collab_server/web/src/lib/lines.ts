/** The chat inside the shared document: lines in order, each with whether the server stored it. */
import type { Array as YArray, Doc, Item } from "yjs";
import type { Seat } from "./types";

/** One line of chat as it stands in the document. Who wrote it is not in it: see `Author`. */
export interface ChatLine {
  id: string;
  text: string;
  /** ISO 8601. */
  at: string;
}

/** Who writes as a Yjs client, by the server's word. */
export interface Author {
  role: Seat;
  name: string;
  /** The reader, here or in another window. */
  me: boolean;
}

export interface Line extends ChatLine {
  author: Author;
  stored: boolean;
}

/** Longest text of one line, in UTF-16 units. */
export const LONGEST = 4000;

/** State vector: client -> how much of what it wrote is meant. */
export type Vector = ReadonlyMap<number, number>;

/** Yjs client -> who writes as it. */
export type Authors = ReadonlyMap<number, Author>;

export function chatOf(doc: Doc): YArray<unknown> {
  return doc.getArray("chat");
}

/**
 * Every readable line. The other side's page wrote these values: what has not the agreed shape, or
 * nobody is known to have written, is left out; what is too long is cut.
 */
export function readLines(doc: Doc, stored: Vector, authors: Authors): Line[] {
  const lines: Line[] = [];
  for (let item: Item | null = chatOf(doc)._start; item; item = item.right) {
    if (item.deleted || !item.countable) continue;
    const { client, clock } = item.id;
    const author = authors.get(client);
    if (!author) continue;
    item.content.getContent().forEach((value: unknown, offset: number) => {
      const line = asLine(value);
      if (line) lines.push({ ...line, author, stored: (stored.get(client) ?? 0) > clock + offset });
    });
  }
  return lines;
}

export function asLine(value: unknown): ChatLine | null {
  if (typeof value !== "object" || value === null) return null;
  const { id, text, at } = value as Record<string, unknown>;
  if (typeof id !== "string" || typeof text !== "string" || typeof at !== "string") return null;
  if (!text.trim()) return null;
  return { id, text: text.slice(0, LONGEST), at };
}

/** Read the server's message 103, or what was kept of it on the device. */
export function readAuthors(text: string): Map<number, Author> {
  const authors = new Map<number, Author>();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return authors;
  }
  for (const [client, author] of Object.entries(value ?? {})) {
    const { role, name, me } = (author ?? {}) as Record<string, unknown>;
    if (role !== "user" && role !== "agent" && role !== "supervisor") continue;
    authors.set(Number(client), { role, name: String(name ?? ""), me: me === true });
  }
  return authors;
}

export function append(doc: Doc, line: ChatLine): void {
  chatOf(doc).push([line]);
}

/** A random id; `crypto.randomUUID` exists on secure origins only. */
export function lineId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
