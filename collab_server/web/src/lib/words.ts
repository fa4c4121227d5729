/** The page's language: chosen by the browser, changed by the reader, kept on the device. */
import { signal } from "@preact/signals";
import { recall, remember } from "./device";
import { en } from "./en";
import type { enAdmin } from "./en-admin";
import type { enDesk } from "./en-desk";
import type { enFloor } from "./en-floor";
import type { enLogin } from "./en-login";
import type { enSetup } from "./en-setup";
import { zh } from "./zh";

export type Language = "en" | "zh-CN";
export type Key = keyof (typeof en &
  typeof enDesk &
  typeof enFloor &
  typeof enSetup &
  typeof enLogin &
  typeof enAdmin);

/** What this page can say: everybody's words, and those its modules have taught. */
const book: Record<Language, Record<string, string>> = { en: { ...en }, "zh-CN": { ...zh } };

/** Add words that only some pages need; called as their module is loaded. */
export function teach<Keys extends string>(
  english: Record<Keys, string>,
  chinese: Record<Keys, string>,
): void {
  Object.assign(book.en, english);
  Object.assign(book["zh-CN"], chinese);
}

/** Each language by its own name, as the switch shows it. */
export const LANGUAGES: Record<Language, string> = { en: "English", "zh-CN": "简体中文" };

/** Those a page offers: on the caller's pages what the business has chosen. */
export const offered = signal<readonly Language[]>(["en", "zh-CN"]);

const STORE = "tandem.language";

function first(): Language {
  const kept = recall(STORE);
  if (kept === "en" || kept === "zh-CN") return kept;
  const wanted = navigator.languages?.length ? navigator.languages : [navigator.language];
  const known = wanted.find((tag) => /^(en|zh)\b/i.test(tag));
  return known?.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

export const language = signal<Language>(first());
document.documentElement.lang = language.value;

/** Offer these languages alone. The choice of who has made one is kept for other pages. */
export function offer(tags: readonly Language[]): void {
  offered.value = tags;
  const [only] = tags;
  if (!only || tags.includes(language.value)) return;
  language.value = only;
  document.documentElement.lang = only;
}

export function speak(next: Language): void {
  language.value = next;
  document.documentElement.lang = next;
  remember(STORE, next);
}

/** The words of `key` with `{name}` places filled from `values`. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const words = book[language.value][key] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Like `t` for a key put together at run time; `otherwise` when there are no such words. */
export function tOr(key: string, otherwise: string): string {
  return key in book.en ? t(key as Key) : otherwise;
}
