/** A page of the caller with one card in its middle. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { brand as business } from "../lib/brand";
import { t } from "../lib/words";
import { Contact } from "./brand";
import { Brand, LanguageSwitch } from "./parts";
import "../style/user.css";

interface Props {
  brand?: string | undefined;
  title: string;
  children: ComponentChildren;
}

export function CardPage({ brand, title, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ${brand ?? business.value.name}`;
  }, [title, brand]);
  return (
    <div class="user page">
      <header class="top">
        <Brand name={brand} />
        <LanguageSwitch />
      </header>
      <main class="middle">
        <div class="card">
          <h1>{title}</h1>
          {children}
          <Contact />
        </div>
      </main>
    </div>
  );
}

/** The other way in, where a link leads nowhere. */
export function ByCode() {
  return (
    <p>
      <a class="button" href="/">
        {t("join.byCode")}
      </a>
    </p>
  );
}
