/** /: the business, six digits to type, the language. */
import { useRef, useState } from "preact/hooks";
import { asProblem, type Problem, rememberCsrf, request } from "../lib/http";
import { loadMe } from "../lib/me";
import { go, handOver } from "../lib/routes";
import type { Joined } from "../lib/types";
import { t } from "../lib/words";
import { useBrand } from "../ui/brand";
import { CardPage } from "../ui/card-page";
import { Notice, problemText } from "../ui/parts";

const DIGITS = 6;

/** "123456" as people read it out: "123 456". */
function grouped(digits: string): string {
  return digits.length > 3 ? `${digits.slice(0, 3)} ${digits.slice(3)}` : digits;
}

function codeText(problem: Problem): string {
  if (problem.status === 410) return t("start.unknown");
  return problem.status === 404 ? t("start.notOffered") : problemText(problem);
}

export default function StartPage() {
  const brand = useBrand();
  const field = useRef<HTMLInputElement>(null);
  const [digits, setDigits] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [short, setShort] = useState(false);
  const [busy, setBusy] = useState(false);

  const claim = async () => {
    setProblem(null);
    setShort(digits.length !== DIGITS);
    if (digits.length !== DIGITS) return field.current?.focus();
    setBusy(true);
    try {
      await loadMe();
      const joined = await request<Joined>("POST", `/v1/pairings/${digits}/claim`, {});
      rememberCsrf(joined.csrf);
      handOver(joined);
      go(`/s/${joined.session}`, true);
    } catch (error) {
      setProblem(asProblem(error));
      field.current?.focus();
    } finally {
      setBusy(false);
    }
  };

  const typed = (input: HTMLInputElement) => {
    const next = input.value.normalize("NFKC").replace(/\D/g, "").slice(0, DIGITS);
    input.value = grouped(next);
    setDigits(next);
    setShort(false);
    setProblem(null);
  };

  return (
    <CardPage brand={brand} title={t("start.title")}>
      <form
        class="code-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void claim();
        }}
      >
        <label for="code">{t("start.code")}</label>
        <p class="small muted" id="code-hint">
          {t("start.hint")}
        </p>
        <input
          id="code"
          class="code"
          ref={field}
          inputMode="numeric"
          autocomplete="one-time-code"
          maxLength={DIGITS + 1}
          placeholder="000 000"
          aria-describedby="code-hint code-problem"
          aria-invalid={short || problem !== null}
          onInput={(event) => typed(event.currentTarget)}
        />
        <div id="code-problem">
          {short && <Notice tone="danger">{t("start.short")}</Notice>}
          {problem && (
            <Notice tone="danger">
              <p>{codeText(problem)}</p>
              {problem.reference && (
                <p class="small">{t("app.reference", { reference: problem.reference })}</p>
              )}
            </Notice>
          )}
        </div>
        <button class="primary" type="submit" disabled={busy}>
          {t("start.button")}
        </button>
      </form>
      <p class="small muted">{t("start.link")}</p>
    </CardPage>
  );
}
