/** In place of the panel, on the page of an agent the caller has not agreed to. */
import type { View } from "../lib/types";
import { t } from "../lib/words";
import "../style/consent.css";

export function Withheld({ view }: { view: View }) {
  const no = view.consent?.state === "refused";
  const hint =
    view.state === "ended"
      ? "consent.overHint"
      : no
        ? "consent.refusedHint"
        : "consent.waitingHint";
  return (
    <div class="empty withheld">
      <h2>{t(no ? "consent.refused" : "consent.waiting")}</h2>
      <p class="muted">{t(hint)}</p>
    </div>
  );
}
