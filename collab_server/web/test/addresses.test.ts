import { expect, test } from "vitest";
import { asUri, callable } from "../src/lib/addresses";

test("what an agent types is the URI it means", () => {
  for (const [typed, meant] of [
    [" +49 (30) 123-456 ", "tel:+49 (30) 123-456"],
    ["0049 30 123456", "tel:+49 30 123456"],
    ["ann@example.org", "mailto:ann@example.org"],
    ["sip:ann@example.org", "sip:ann@example.org"],
    ["TEL:+4930123456", "TEL:+4930123456"],
    ["1002", "1002"],
  ] as const) {
    expect(asUri(typed)).toBe(meant);
  }
});

test("a telephone system calls numbers and SIP addresses", () => {
  expect(["tel:+49", "sip:a@b", "mailto:a@b", "web:x", "1002"].map(callable)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
