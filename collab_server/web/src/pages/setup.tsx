/** /setup: health and the trace of every call, for administrators. */
import { t } from "../lib/words";
import { CallTraces } from "../ui/call-traces";
import { Health } from "../ui/health";
import { StaffFrame, StaffPage } from "../ui/staff-page";
import "../style/setup.css";

export default function SetupPage() {
  return (
    <StaffPage title="setup.title">
      {(staff) => (
        <StaffFrame staff={staff} title="setup.title">
          <main class="setup-main">
            <Health />
            {staff.agent.admin ? (
              <CallTraces />
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
