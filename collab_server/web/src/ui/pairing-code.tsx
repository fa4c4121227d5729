/** A pairing code to type, and one to read out. */
import { useEffect, useState } from "preact/hooks";
import { duration } from "../lib/clock";
import { DIGITS, digitsOf, grouped, spelled } from "../lib/digits";
import type { Problem } from "../lib/http";
import type { PairingMade } from "../lib/pairing";
import { t } from "../lib/words";
import { Notice, ProblemNotice } from "./parts";

interface FieldProps {
  label: string;
  hint?: string;
  button: string;
  busy: boolean;
  enter: (code: string) => void;
}

/** One field for all six digits, so that a paste or the telephone's own suggestion fits. */
export function CodeField({ label, hint, button, busy, enter }: FieldProps) {
  const [code, setCode] = useState("");
  return (
    <form
      class="code-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (code.length === DIGITS && !busy) enter(code);
      }}
    >
      <label>
        <span class="code-label">{label}</span>
        <input
          class="code-field"
          type="text"
          inputMode="numeric"
          autoComplete="one-time-code"
          value={grouped(code)}
          onInput={(event) => {
            const typed = digitsOf(event.currentTarget.value);
            event.currentTarget.value = grouped(typed);
            setCode(typed);
          }}
        />
      </label>
      {hint && <p class="small muted">{hint}</p>}
      <button class="primary wide" type="submit" disabled={busy || code.length < DIGITS}>
        {button}
      </button>
    </form>
  );
}

interface ShownProps {
  made: PairingMade;
  /** It is not good any more. */
  over: boolean;
}

/** The digits, large, and how long they are good; a screen reader says each by itself, once. */
export function ShownCode({ made, over }: ShownProps) {
  const left = useSecondsLeft(made);
  const gone = over || left <= 0;
  return (
    <div class={`code-shown ${gone ? "code-over" : ""}`}>
      <p class="code-big" role="status">
        <span aria-hidden="true">{grouped(made.code)}</span>
        <span class="hidden">{gone ? t("pair.over") : spelled(made.code)}</span>
      </p>
      <p class="small muted" aria-hidden={gone ? "true" : undefined}>
        {gone ? t("pair.over") : t("pair.good", { time: duration(left * 1000) })}
      </p>
    </div>
  );
}

function useSecondsLeft(made: PairingMade): number {
  const [left, setLeft] = useState(made.seconds);
  useEffect(() => {
    const end = performance.now() + made.seconds * 1000;
    const tick = () => setLeft(Math.max(0, Math.ceil((end - performance.now()) / 1000)));
    tick();
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }, [made.id]);
  return left;
}

/** A code that was refused, too many of them, or another problem: one sentence. */
export function PairingProblem({ problem }: { problem: Problem }) {
  if (problem.kind === "code-refused") return <Notice tone="danger">{t("pair.refused")}</Notice>;
  if (problem.status === 429) {
    const time = duration(Math.max(1, problem.retryAfter) * 1000);
    return <Notice tone="danger">{t("pair.tooMany", { time })}</Notice>;
  }
  return <ProblemNotice problem={problem} />;
}
