/** /desk: log-in first, then the agent's sessions. */
import { t } from "../lib/words";
import { Desk } from "../ui/desk";
import { Entrance } from "../ui/entrance";
import "../style/agent.css";
import "../style/desk.css";

export default function DeskPage() {
  return (
    <Entrance title={t("desk.title")}>
      {({ agent, brand, loggedOut, signedOut }) => (
        <Desk
          key={agent.uri}
          agent={agent}
          brand={brand}
          loggedOut={loggedOut}
          signedOut={signedOut}
        />
      )}
    </Entrance>
  );
}
