import { describe, expect, test } from "vitest";
import { digitsOf, grouped, spelled } from "../src/lib/digits";

describe("a code", () => {
  test.each([
    ["123456", "123456"],
    [" 123 456 ", "123456"],
    ["123-456", "123456"],
    ["１２３４５６", "123456"],
    ["Your code is 907214.", "907214"],
    ["1234567", "123456"],
    ["12a", "12"],
    ["", ""],
  ])("is taken out of %j", (typed, code) => {
    expect(digitsOf(typed)).toBe(code);
  });

  test("is written in two groups once it has more than one", () => {
    expect(["", "1", "123", "1234", "123456"].map(grouped)).toEqual([
      "",
      "1",
      "123",
      "123 4",
      "123 456",
    ]);
  });

  test("is said digit by digit", () => {
    expect(spelled("907214")).toBe("9 0 7 2 1 4");
  });
});
