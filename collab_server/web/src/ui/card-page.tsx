/** A page of the caller with one card in its middle. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "../lib/words";
import { Brand, LanguageSwitch } from "./parts";
import "../style/user.css";

interface Props {
  brand?: string | undefined;
  title: string;
  children: ComponentChildren;
}

export function CardPage({ brand, title, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ${brand ?? t("app.name")}`;
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
        </div>
      </main>
    </div>
  );
}
