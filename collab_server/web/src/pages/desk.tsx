/** /desk: log-in first, then the agent's sessions. */
import { Desk } from "../ui/desk";
import { StaffPage } from "../ui/staff-page";
import "../style/desk.css";

export default function DeskPage() {
  return (
    <StaffPage title="desk.title">
      {(staff) => (
        <Desk
          key={staff.agent.uri}
          agent={staff.agent}
          brand={staff.brand}
          loggedOut={staff.loggedOut}
          signedOut={staff.signedOut}
        />
      )}
    </StaffPage>
  );
}
