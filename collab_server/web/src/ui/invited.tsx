/** On a page that is open: an agent invites who has it to another session. */
import { personName } from "../lib/people";
import type { Invited } from "../lib/types";
import { t, tOr } from "../lib/words";

export function InvitedNotice({ invited }: { invited: Invited | null }) {
  if (!invited || !ours(invited.join_url)) return null;
  return (
    <div class="notice tone-live" role="status">
      <p>
        {t("invited.text", {
          agent: personName(invited.agent),
          type: tOr(`type.${invited.type}`, invited.type),
        })}
      </p>
      <p>
        <a class="button primary" href={invited.join_url}>
          {t("invited.open")}
        </a>
      </p>
    </div>
  );
}

function ours(address: string): boolean {
  try {
    return new URL(address).origin === location.origin;
  } catch {
    return false;
  }
}
