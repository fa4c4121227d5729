/** Why somebody pauses: the usual reasons, or their own words. */
import { t, tOr } from "../lib/words";

const REASONS = ["break", "lunch", "meeting", "paperwork"] as const;
const LONGEST = 60;

/** A reason in words; the usual ones in the reader's language. */
export function reasonName(reason: string): string {
  return tOr(`pause.${reason}`, reason);
}

interface Props {
  /** What pausing here means, in a sentence. */
  hint: string;
  pick: (reason: string) => void;
}

export function Reasons({ hint, pick }: Props) {
  return (
    <form
      class="reasons"
      onSubmit={(event) => {
        event.preventDefault();
        const field = event.currentTarget.elements.namedItem("reason") as HTMLInputElement;
        pick(field.value.trim());
      }}
    >
      <p class="small muted">{hint}</p>
      {REASONS.map((reason) => (
        <button key={reason} class="quiet" type="button" onClick={() => pick(reason)}>
          {reasonName(reason)}
        </button>
      ))}
      <p class="reason-own">
        <input
          name="reason"
          maxLength={LONGEST}
          aria-label={t("pause.own")}
          placeholder={t("pause.own")}
        />
        <button type="submit">{t("pause.button")}</button>
      </p>
    </form>
  );
}
