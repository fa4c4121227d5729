/** The row of buttons over the desk's lists: what an agent may begin. */
import { t } from "../lib/words";
import { Icon } from "./icons";

/** A narrow window to stand beside a CRM or a softphone. */
function openDock(): void {
  window.open("/desk?dock", "tandem-dock", `popup,width=360,height=${screen.availHeight}`);
}

export function DeskTools({ dock }: { dock: boolean }) {
  return (
    <div class="desk-tools" role="group" aria-label={t("desk.tools")}>
      {!dock && (
        <button class="quiet desk-wider" type="button" onClick={openDock}>
          <Icon name="side" />
          {t("desk.dock")}
        </button>
      )}
    </div>
  );
}
