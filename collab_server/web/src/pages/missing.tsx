/** Any other address. */
import { t } from "../lib/words";
import { CardPage } from "../ui/parts";

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
