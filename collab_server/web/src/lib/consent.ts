/** The caller's yes to the agent of now, as the pages of both sides need it. */
import { personName } from "./people";
import type { Status } from "./state";
import type { Role, View } from "./types";
import { t } from "./words";

/** The caller's page has to ask: an agent has the session whom they have not agreed to. */
export function asking(view: View): boolean {
  return view.consent?.state === "asked" && served(view);
}

/** The caller said no to the agent of now. */
export function refused(view: View): boolean {
  return view.consent?.state === "refused" && served(view);
}

/** The server shows the agent nothing of the document. */
export function withheld(view: View): boolean {
  return view.consent?.state === "asked" || view.consent?.state === "refused";
}

function served(view: View): boolean {
  return view.agent !== null && (view.state === "inviting" || view.state === "active");
}

/** What the strip says while the yes is lacking; null: it says something else. */
export function consentStatus(role: Role, view: View): Status | null {
  const agent = personName(view.agent);
  if (role === "user") {
    if (asking(view)) {
      const from = personName(view.consent?.before);
      const news = from
        ? t("user.transferred", { from, to: agent })
        : t("consent.newAgent", { agent });
      const asks = t("consent.title", { agent });
      const word = t(from ? "state.transferred" : "state.connecting");
      return { tone: "hold", word, sentence: news, asks };
    }
    if (!refused(view)) return null;
    const sentence = t("consent.userRefused", { agent });
    return { tone: "calm", word: t("consent.stateRefused"), sentence };
  }
  if (asking(view)) {
    const here = view.presence.user.connected;
    const sentence = t(here ? "consent.agentAsked" : "consent.agentAskedAway");
    return { tone: "hold", word: t("consent.stateAsked"), sentence };
  }
  if (!refused(view)) return null;
  const sentence = t("consent.agentRefused");
  return { tone: "hold", word: t("consent.stateRefused"), sentence };
}
