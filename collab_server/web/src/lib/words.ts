/** The page's language: chosen by the browser, changed by the reader, kept on the device. */
import { signal } from "@preact/signals";
import { en, type Key } from "./en";
import { recall, remember } from "./device";
import { zh } from "./zh";

export type { Key };
export type Language = "en" | "zh-CN";

/** Each language by its own name, as the switch shows it. */
export const LANGUAGES: Record<Language, string> = { en: "English", "zh-CN": "简体中文" };

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

export function speak(next: Language): void {
  language.value = next;
  document.documentElement.lang = next;
  remember(STORE, next);
}

/** The words of `key` with `{name}` places filled from `values`. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const words: string = (language.value === "zh-CN" ? zh : en)[key];
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Like `t` for a key put together at run time; `otherwise` when there are no such words. */
export function tOr(key: string, otherwise: string): string {
  return key in en ? t(key as Key) : otherwise;
}
