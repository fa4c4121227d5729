import { expect, test } from "vitest";
import { contrast, DARK, inkOn, READABLE, WHITE } from "../src/lib/contrast";

test("contrast is as WCAG counts it, either way round", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
  expect(contrast("#777777", "#777777")).toBe(1);
  expect(contrast("#767676", WHITE)).toBeCloseTo(4.54, 2); // the lightest grey that is read on white
  expect(contrast(WHITE, "#767676")).toBe(contrast("#767676", WHITE));
});

test("text on a colour is the one that is read better, and on some neither is", () => {
  expect(inkOn("#0b5cad")).toBe(WHITE);
  expect(inkOn("#ffd400")).toBe(DARK);
  const between = "#808080";
  expect(contrast(inkOn(between), between)).toBeLessThan(READABLE);
});
