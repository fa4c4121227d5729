/** Which supervisors are in the session, as far as this page is told. */
import { withheld } from "../lib/consent";
import { personName } from "../lib/people";
import type { View } from "../lib/types";
import { t } from "../lib/words";
import { Icon } from "./icons";
import "../style/consent.css";

export function Watchers({ view }: { view: View }) {
  // While the caller has not agreed to the agent, nobody but they sees anything.
  const here = withheld(view) ? [] : (view.supervisors ?? []);
  if (!here.length) return null;
  return (
    <ul class="watchers" role="status">
      {here.map((one) => (
        <li key={one.uri}>
          <Icon name="eye" />
          {t(one.joined ? "watch.joined" : "watch.reads", { name: personName(one) })}
        </li>
      ))}
    </ul>
  );
}
