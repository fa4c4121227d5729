/** What the brand's form says of what was filled in: of the colour at once, of the rest when sent. */
import { contrast, DARK_PAGE, DISTINCT, isColor, WHITE } from "../lib/contrast";
import type { Problem } from "../lib/http";
import { type Key, t } from "../lib/words";
import { Notice, problemText } from "./parts";

interface ColorProps {
  color: string;
  ratio: number;
  readable: boolean;
}

/** Whether text can be read on the colour, and whether it can be seen on the pages. */
export function ColorSaid({ color, ratio, readable }: ColorProps) {
  const shown = ratio.toFixed(1);
  if (!isColor(color)) return <p class="ink-danger">{t("brand.bad.color")}</p>;
  if (!readable) return <p class="ink-danger">{t("brand.contrastBad", { ratio: shown })}</p>;
  return (
    <>
      <p class="small muted">
        {t("brand.colorHint")} {t("brand.contrast", { ratio: shown })}
      </p>
      {contrast(color, WHITE) < DISTINCT && <p class="small ink-hold">{t("brand.faintLight")}</p>}
      {contrast(color, DARK_PAGE) < DISTINCT && (
        <p class="small ink-hold">{t("brand.faintDark")}</p>
      )}
    </>
  );
}

/** Fields whose fault the page has words for. */
const WRONG = ["name", "color", "phone", "privacy_url", "welcome", "languages"] as const;
const LOGO = ["svg", "kind", "bytes", "pixels", "damaged"] as const;

export function Said({ problem, reload }: { problem: Problem; reload: () => void }) {
  if (problem.status === 409) {
    return (
      <Notice tone="danger">
        <p>{t("brand.changed")}</p>
        <button type="button" onClick={reload}>
          {t("brand.load")}
        </button>
      </Notice>
    );
  }
  const field = WRONG.find((one) => problem.field.split(".")[0] === one);
  const logo = problem.status === 413 ? "bytes" : LOGO.find((one) => problem.why === one);
  const key: Key | null = field ? `brand.bad.${field}` : logo ? `brand.bad.${logo}` : null;
  return <Notice tone="danger">{key ? t(key) : problemText(problem)}</Notice>;
}
