/** The way to the caller's record in a CRM. */
import { allowByItself, byItself, heldBack, recordOf } from "../lib/record";
import type { View } from "../lib/types";
import { t } from "../lib/words";
import { Icon } from "./icons";
import { Notice } from "./parts";

export function RecordBox({ view }: { view: View }) {
  const address = recordOf(view);
  if (!address) return null;
  return (
    <section>
      <p class="actions">
        <a class="button" href={address} target="_blank" rel="noopener noreferrer">
          <Icon name="out" />
          {t("record.open")}
        </a>
      </p>
      <label class="check">
        <input
          type="checkbox"
          checked={byItself.value}
          onChange={(event) => allowByItself(event.currentTarget.checked)}
        />
        <span>{t("record.byItself")}</span>
      </label>
      {heldBack.value && <Notice tone="hold">{t("record.heldBack")}</Notice>}
    </section>
  );
}
