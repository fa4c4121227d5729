/** /floor: says what stands elsewhere. */
import { t } from "../lib/words";
import { CardPage } from "../ui/card-page";

export default function FloorPage() {
  return (
    <CardPage title={t("floor.title")}>
      <p>{t("floor.text")}</p>
      <p>
        <a class="button" href="/setup">
          {t("setup.title")}
        </a>
      </p>
    </CardPage>
  );
}
