/** /: the business, what to do, the language. */
import { t } from "../lib/words";
import { useBrand } from "../ui/brand";
import { CardPage } from "../ui/card-page";

export default function StartPage() {
  return (
    <CardPage brand={useBrand()} title={t("start.title")}>
      <p>{t("start.link")}</p>
      <p class="muted">{t("start.none")}</p>
    </CardPage>
  );
}
