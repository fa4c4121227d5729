/** /setup: health, the trace of every call, people and brand, for administrators. */
import { useEffect, useState } from "preact/hooks";
import { type Key, t } from "../lib/words";
import "../lib/words-admin";
import { BrandPage } from "../ui/brand-form";
import { CallTraces } from "../ui/call-traces";
import { Health } from "../ui/health";
import { People } from "../ui/people";
import { StaffFrame, StaffPage } from "../ui/staff-page";
import "../style/people.css";
import "../style/setup.css";

/** The parts, each with its address, so that it can be linked to and gone back to. */
const PARTS: [string, Key][] = [
  ["", "setup.calls.part"],
  ["people", "people.title"],
  ["brand", "brand.title"],
];

function partHere(): string {
  const asked = new URLSearchParams(location.search);
  return PARTS.find(([part]) => part && asked.has(part))?.[0] ?? "";
}

function usePart(): [string, (next: string) => void] {
  const [part, setPart] = useState(partHere);
  useEffect(() => {
    const back = () => setPart(partHere());
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  const turn = (next: string) => {
    history.pushState(null, "", next ? `/setup?${next}` : "/setup");
    setPart(next);
  };
  return [part, turn];
}

export default function SetupPage() {
  const [part, turn] = usePart();
  return (
    <StaffPage title="setup.title">
      {(staff) => (
        <StaffFrame staff={staff} title="setup.title">
          <main class="setup-main">
            {staff.agent.admin && (
              <nav class="setup-nav" aria-label={t("setup.parts")}>
                {PARTS.map(([name, words]) => (
                  <a
                    key={name}
                    href={name ? `/setup?${name}` : "/setup"}
                    aria-current={name === part ? "page" : undefined}
                    onClick={(event) => {
                      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                      event.preventDefault();
                      turn(name);
                    }}
                  >
                    {t(words)}
                  </a>
                ))}
              </nav>
            )}
            {staff.agent.admin && part === "people" ? (
              <People me={staff.agent} signedOut={staff.signedOut} />
            ) : staff.agent.admin && part === "brand" ? (
              <BrandPage signedOut={staff.signedOut} />
            ) : (
              <Health />
            )}
            {staff.agent.admin ? (
              part === "" && <CallTraces />
            ) : (
              <section class="box">
                <h2>{t("setup.admin")}</h2>
                <p class="muted">{t("setup.adminHint")}</p>
              </section>
            )}
          </main>
        </StaffFrame>
      )}
    </StaffPage>
  );
}
