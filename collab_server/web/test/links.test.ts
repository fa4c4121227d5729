import { expect, test } from "vitest";
import { pieces } from "../src/lib/links";

const links = (text: string) => pieces(text).flatMap((piece) => piece.href ?? []);

test.each([
  ["see https://example.org/a?b=1,2&c=d#e now", ["https://example.org/a?b=1,2&c=d#e"]],
  ["(https://example.org).", ["https://example.org/"]],
  [
    "https://en.wikipedia.org/wiki/Duet_(music), yes",
    ["https://en.wikipedia.org/wiki/Duet_(music)"],
  ],
  ["请看https://example.org/表单，谢谢", ["https://example.org/%E8%A1%A8%E5%8D%95"]],
  ['[http://a.example/x[1]](y)]!?"', ["http://a.example/x[1]](y)"]],
  [`http://a.example/${")]".repeat(1_995)}`, ["http://a.example/"]],
  ["two http://a.example http://b.example", ["http://a.example/", "http://b.example/"]],
])("finds the links of %j", (text, expected) => {
  expect(links(text)).toEqual(expected);
});

test.each([
  "javascript:alert(1)",
  "data:text/html,<script>1</script>",
  "https://bank.example@evil.example/",
  "http://",
  "ftp://example.org",
  "plain words",
])("leaves %j as text", (text) => {
  expect(links(text)).toEqual([]);
});

test("the pieces joined are the text", () => {
  const text = "<b>a</b> https://example.org/x, b\n(https://example.org) 。";
  expect(
    pieces(text)
      .map((piece) => piece.text)
      .join(""),
  ).toBe(text);
});
