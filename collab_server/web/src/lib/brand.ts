/** How the business shows itself: the server has written it into the page. */
import { signal } from "@preact/signals";
import type { Language } from "./words";

export interface BrandShown {
  name: string;
  /** Path of its logo, or its bytes as an address; null: none. */
  logo: string | null;
  /** Accent, `#rrggbb`; "": the product's own. */
  color: string;
  /** Colour of text on the accent. */
  ink: string;
  phone: string;
  privacy_url: string;
  welcome: { en: string; zh: string };
  languages: string[];
}

const PLAIN: BrandShown = {
  name: "Tandem",
  logo: null,
  color: "",
  ink: "",
  phone: "",
  privacy_url: "",
  welcome: { en: "", zh: "" },
  languages: ["en", "zh"],
};

function carried(): BrandShown {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="tandem-brand"]');
  try {
    return { ...PLAIN, ...(JSON.parse(meta?.content ?? "{}") as Partial<BrandShown>) };
  } catch {
    return PLAIN;
  }
}

export const brand = signal<BrandShown>(carried());

/** Colours of the accent as custom properties, which `.branded` rules use. */
export function colors({ color, ink }: BrandShown): Record<string, string> {
  if (!color) return {};
  const deeper = ink === "#ffffff" ? "#000000" : "#ffffff";
  return { "--accent": color, "--on-accent": ink, "--accent-deeper": deeper };
}

/** Put the accent on the whole page; by script, for the page's policy allows no inline style. */
export function paint(shown: BrandShown): void {
  const { documentElement: root } = document;
  root.classList.toggle("branded", shown.color !== "");
  for (const [name, value] of Object.entries(colors(shown))) root.style.setProperty(name, value);
}

/** The page's languages that the business offers its callers. */
export function languagesOf(shown: BrandShown): Language[] {
  const tags: Record<string, Language> = { en: "en", zh: "zh-CN" };
  return shown.languages.flatMap((tag) => tags[tag] ?? []);
}

/** Its telephone number as a link. */
export function telephone(phone: string): string {
  return `tel:${phone.replace(/[^+\d]/g, "")}`;
}
