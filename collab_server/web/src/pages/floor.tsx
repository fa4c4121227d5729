/** /floor: what is out of the ordinary, for supervisors. */
import { t } from "../lib/words";
import { Floor } from "../ui/floor";
import { StaffFrame, StaffPage } from "../ui/staff-page";
import "../style/setup.css";
import "../style/floor.css";

export default function FloorPage() {
  return (
    <StaffPage title="floor.title">
      {(staff) => (
        <StaffFrame staff={staff} title="floor.title">
          {staff.agent.supervisor ? (
            <Floor agent={staff.agent} signedOut={staff.signedOut} />
          ) : (
            <main class="setup-main">
              <section class="box">
                <h2>{t("floor.denied")}</h2>
                <p class="muted">{t("floor.deniedHint")}</p>
              </section>
            </main>
          )}
        </StaffFrame>
      )}
    </StaffPage>
  );
}
