/** The caller's page `/` as it will be: to look at, not to use. */
import { brand, type BrandShown, colors } from "../lib/brand";
import { t } from "../lib/words";
import { Contact, Welcome } from "./brand";
import { Brand } from "./parts";
import "../style/user.css";

/** What the pages have where the business has no colour of its own. */
const PLAIN = {
  "--accent": "var(--strong)",
  "--on-accent": "var(--on-strong)",
  "--accent-deeper": "var(--strong)",
};

export function BrandPreview({ shown }: { shown: BrandShown }) {
  return (
    <figure class="brand-preview">
      <figcaption class="small muted">{t("brand.preview")}</figcaption>
      {/* Preact sets each property by script, which the page's policy allows. */}
      <div class="branded" style={{ ...PLAIN, ...colors(shown) }}>
        <div class="user" inert>
          <div class="top">
            <Brand shown={{ ...shown, name: shown.name || brand.value.name }} />
          </div>
          <div class="preview-card">
            <p class="preview-title">{t("start.title")}</p>
            <Welcome shown={shown} />
            <p class="code-label">{t("start.code")}</p>
            <p class="preview-code">123 456</p>
            <p>
              <button class="primary wide" type="button" tabIndex={-1}>
                {t("start.enter")}
              </button>
            </p>
            <Contact shown={shown} />
          </div>
        </div>
      </div>
    </figure>
  );
}
