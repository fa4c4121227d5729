/** What the business says of itself on its callers' pages. */
import { brand, type BrandShown, telephone } from "../lib/brand";
import { language, t } from "../lib/words";
import { Icon } from "./icons";

/** Its name. */
export function useBrand(): string {
  return brand.value.name;
}

/** A sentence of welcome; nothing where it has none in the reader's language. */
export function Welcome({ shown = brand.value }: { shown?: BrandShown }) {
  const words = shown.welcome[language.value === "en" ? "en" : "zh"];
  return words ? <p class="welcome">{words}</p> : null;
}

/** A number to call, and how it treats what it learns. */
export function Contact({ shown = brand.value }: { shown?: BrandShown }) {
  if (!shown.phone && !shown.privacy_url) return null;
  return (
    <p class="contact">
      {shown.phone && (
        <a href={telephone(shown.phone)}>
          <Icon name="phone" />
          {t("brand.call", { phone: shown.phone })}
        </a>
      )}
      {shown.privacy_url && (
        <a href={shown.privacy_url} target="_blank" rel="noopener noreferrer">
          {t("brand.privacy")}
        </a>
      )}
    </p>
  );
}
