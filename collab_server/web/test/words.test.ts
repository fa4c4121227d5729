import { expect, test } from "vitest";
import { en } from "../src/lib/en";
import { enDesk } from "../src/lib/en-desk";
import { enFloor } from "../src/lib/en-floor";
import { enSetup } from "../src/lib/en-setup";
import { zh } from "../src/lib/zh";
import { zhDesk } from "../src/lib/zh-desk";
import { zhFloor } from "../src/lib/zh-floor";
import { zhSetup } from "../src/lib/zh-setup";

const books: [Record<string, string>, Record<string, string>][] = [
  [en, zh],
  [enDesk, zhDesk],
  [enFloor, zhFloor],
  [enSetup, zhSetup],
];
const sentences = books.flatMap(([english, chinese]) =>
  Object.entries(english).map(([key, words]) => [key, words, chinese[key] ?? ""] as const),
);
const places = (words: string) => (words.match(/\{\w+\}/g) ?? []).sort();

test("every sentence has the same places to fill in both languages", () => {
  for (const [key, english, chinese] of sentences) {
    expect([key, places(chinese)]).toEqual([key, places(english)]);
  }
});

test("no sentence is left in English on the Chinese pages", () => {
  const same = sentences.filter(([, english, chinese]) => english === chinese);
  expect(same.map(([key]) => key)).toEqual(["app.name", "setup.connector"]);
});

test("no two files say the same key", () => {
  const keys = sentences.map(([key]) => key);
  expect(keys.length).toBe(new Set(keys).size);
});
