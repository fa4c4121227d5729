/** Small pieces that every page shares: brand, language switch, notices. */
import type { ComponentChildren } from "preact";
import { brand, type BrandShown } from "../lib/brand";
import type { Problem } from "../lib/http";
import { whyText } from "../lib/why";
import { type Key, type Language, LANGUAGES, language, offered, speak, t } from "../lib/words";
import { Icon, Mark } from "./icons";

interface BrandProps {
  /** As the session says it; absent: as the page does. */
  name?: string | undefined;
  shown?: BrandShown;
}

export function Brand({ name, shown = brand.value }: BrandProps) {
  return (
    <span class="brand">
      {shown.logo ? <img class="brand-logo" src={shown.logo} alt="" /> : <Mark />}
      <span class="brand-name">{name || shown.name}</span>
    </span>
  );
}

export function LanguageSwitch() {
  if (offered.value.length < 2) return null;
  return (
    <label class="language">
      <Icon name="globe" />
      <span class="hidden">{t("app.language")}</span>
      <select
        value={language.value}
        onChange={(event) => speak(event.currentTarget.value as Language)}
      >
        {offered.value.map((tag) => (
          <option key={tag} value={tag} lang={tag}>
            {LANGUAGES[tag]}
          </option>
        ))}
      </select>
    </label>
  );
}

/** One sentence for a problem: the server's own where it says more than the page knows. */
export function problemText(problem: Problem): string {
  const by: Record<number, Key> = {
    [-1]: "error.page",
    0: "error.unreachable",
    403: "error.forbidden",
    404: "error.notFound",
    429: "error.busy",
    502: "error.unreachable",
    503: "error.busy",
    504: "error.unreachable",
  };
  const own = by[problem.status] ?? (problem.status >= 500 ? "error.server" : "error.other");
  const coded = problem.status > 0 && whyText(problem.why);
  // The server speaks English; its sentence beats a general one, not the reader's language.
  const said = language.value === "en" && problem.status > 0 && problem.status < 500;
  return coded || (said && problem.detail) || t(own);
}

interface NoticeProps {
  tone?: "danger" | "hold" | "live" | "calm";
  children: ComponentChildren;
}

export function Notice({ tone = "calm", children }: NoticeProps) {
  return (
    <div class={`notice tone-${tone}`} role={tone === "danger" ? "alert" : "status"}>
      {children}
    </div>
  );
}

interface ProblemProps {
  problem: Problem;
  /** What the one action is; absent: the sentence alone. */
  retry?: () => void;
}

/** One sentence, one action, a reference. */
export function ProblemNotice({ problem, retry }: ProblemProps) {
  return (
    <Notice tone="danger">
      <p>{problemText(problem)}</p>
      {problem.reference && (
        <p class="small">{t("app.reference", { reference: problem.reference })}</p>
      )}
      {retry && (
        <button type="button" onClick={retry}>
          {t("app.retry")}
        </button>
      )}
    </Notice>
  );
}
