/** Any other address. */
import { t } from "../lib/words";
import { CardPage } from "../ui/card-page";

export default function MissingPage() {
  return (
    <CardPage title={t("app.notFound")}>
      <p>
        <a class="button" href="/">
          {t("app.toStart")}
        </a>
      </p>
    </CardPage>
  );
}
