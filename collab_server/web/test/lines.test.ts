import { expect, test } from "vitest";
import { applyUpdate, decodeStateVector, Doc, encodeStateAsUpdate, encodeStateVector } from "yjs";
import { append, asLine, chatOf, LONGEST, readLines } from "../src/lib/lines";

const line = (id: string) => ({
  id,
  from: "user" as const,
  name: "",
  text: `text of ${id}`,
  at: "2026-11-23T12:00:00Z",
});

test("a line counts as stored once the server's state vector covers it", () => {
  const doc = new Doc();
  append(doc, line("a"));
  const stored = decodeStateVector(encodeStateVector(doc));
  append(doc, line("b"));
  expect(readLines(doc, stored).map(({ id, stored: saved }) => [id, saved])).toEqual([
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
  const saved = new Map(readLines(here, stored).map((read) => [read.id, read.stored]));
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
  expect(readLines(doc, new Map()).map((read) => read.id)).toEqual(["a", "c"]);
});

test.each([
  [null],
  ["text"],
  [{ ...line("a"), from: "admin" }],
  [{ ...line("a"), text: 5 }],
  [{ ...line("a"), text: "  " }],
  [{ from: "user", text: "no id", at: "" }],
])("%j is no line", (value) => {
  expect(asLine(value)).toBeNull();
});

test("what the other side made too long is cut", () => {
  const read = asLine({ ...line("a"), text: "x".repeat(LONGEST + 1), name: "n".repeat(200) });
  expect([read?.text.length, read?.name.length]).toEqual([LONGEST, 80]);
});
