/** The row of buttons over the desk's lists: what an agent may begin. */
import { t } from "../lib/words";
import { Icon } from "./icons";
import { InviteButton } from "./invite";

/** A narrow window to stand beside a CRM or a softphone. */
function openDock(): void {
  window.open("/desk?dock", "tandem-dock", `popup,width=360,height=${screen.availHeight}`);
}

interface Props {
  dock: boolean;
  /** Show a session. */
  open: (id: string) => void;
}

export function DeskTools({ dock, open }: Props) {
  return (
    <div class="desk-tools" role="group" aria-label={t("desk.tools")}>
      <InviteButton opened={open} />
      {!dock && (
        <button class="quiet desk-wider" type="button" onClick={openDock}>
          <Icon name="side" />
          {t("desk.dock")}
        </button>
      )}
    </div>
  );
}
