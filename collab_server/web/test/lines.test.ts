import { expect, test } from "vitest";
import { applyUpdate, decodeStateVector, Doc, encodeStateAsUpdate, encodeStateVector } from "yjs";
import {
  append,
  asLine,
  type Author,
  chatOf,
  LONGEST,
  readAuthors,
  readLines,
} from "../src/lib/lines";

const line = (id: string) => ({ id, text: `text of ${id}`, at: "2026-11-23T12:00:00Z" });
const ann: Author = { role: "user", name: "ann", me: true };
const wang: Author = { role: "agent", name: "wang", me: false };
const by = (author: Author, ...docs: Doc[]) => new Map(docs.map((doc) => [doc.clientID, author]));

test("a line counts as stored once the server's state vector covers it", () => {
  const doc = new Doc();
  append(doc, line("a"));
  const stored = decodeStateVector(encodeStateVector(doc));
  append(doc, line("b"));
  expect(readLines(doc, stored, by(ann, doc)).map(({ id, stored: saved }) => [id, saved])).toEqual([
    ["a", true],
    ["b", false],
  ]);
});

test("lines of two sides are told apart by what was stored of each", () => {
  const [here, there] = [new Doc(), new Doc()];
  append(here, line("mine"));
  append(there, line("theirs"));
  const stored = decodeStateVector(encodeStateVector(there));
  applyUpdate(here, encodeStateAsUpdate(there));
  const saved = new Map(
    readLines(here, stored, by(ann, here, there)).map((read) => [read.id, read.stored]),
  );
  expect(saved).toEqual(
    new Map([
      ["mine", false],
      ["theirs", true],
    ]),
  );
});

test("a removed line is not read", () => {
  const doc = new Doc();
  ["a", "b", "c"].forEach((id) => append(doc, line(id)));
  chatOf(doc).delete(1, 1);
  expect(readLines(doc, new Map(), by(ann, doc)).map((read) => read.id)).toEqual(["a", "c"]);
});

test.each([
  [null],
  ["text"],
  [{ ...line("a"), text: 5 }],
  [{ ...line("a"), text: "  " }],
  [{ text: "no id", at: "" }],
])("%j is no line", (value) => {
  expect(asLine(value)).toBeNull();
});

test("what the other side made too long is cut", () => {
  expect(asLine({ ...line("a"), text: "x".repeat(LONGEST + 1) })?.text.length).toBe(LONGEST);
});

test("a line is by whom the server says, whatever it says itself", () => {
  const [here, there] = [new Doc(), new Doc()];
  chatOf(here).push([{ ...line("a"), from: "agent", name: "wang" }]);
  append(there, line("b"));
  applyUpdate(here, encodeStateAsUpdate(there));
  const authors = new Map([...by(ann, here), ...by(wang, there)]);
  const written = new Map(
    readLines(here, new Map(), authors).map(({ id, author }) => [id, author]),
  );
  expect(written).toEqual(
    new Map([
      ["a", ann],
      ["b", wang],
    ]),
  );
  expect(readLines(here, new Map(), by(wang, there)).map(({ id }) => id)).toEqual(["b"]);
});

test("of the server's word on authors what has not the agreed shape is left out", () => {
  const word = { 7: wang, 8: { role: "admin", name: "x" }, 9: null, 10: { role: "user", me: 1 } };
  expect(readAuthors(JSON.stringify(word))).toEqual(
    new Map([
      [7, wang],
      [10, { role: "user", name: "", me: false }],
    ]),
  );
  expect([readAuthors("null").size, readAuthors("{").size]).toEqual([0, 0]);
});
