import { expect, test } from "vitest";
import { en, type Key } from "../src/lib/en";
import { zh } from "../src/lib/zh";

const places = (words: string) => (words.match(/\{\w+\}/g) ?? []).sort();

test("every sentence has the same places to fill in both languages", () => {
  for (const key of Object.keys(en) as Key[]) {
    expect([key, places(zh[key])]).toEqual([key, places(en[key])]);
  }
});

test("no sentence is left in English on the Chinese pages", () => {
  const same = (Object.keys(en) as Key[]).filter((key) => en[key] === zh[key]);
  expect(same).toEqual(
    ["app.name", "user.transferred", "setup.connector"].filter((key) => same.includes(key as Key)),
  );
});
