/** How far the caller's invitation got by each way, and how to make a new one. */
import { useState } from "preact/hooks";
import { withheld } from "../lib/consent";
import { asProblem, type Problem, request } from "../lib/http";
import type { View, WayShown } from "../lib/types";
import { whyText } from "../lib/why";
import { t, tOr } from "../lib/words";
import { Fold } from "./fold";
import { Icon } from "./icons";
import { ProblemNotice } from "./parts";
import "../style/invite.css";

export const DIAL = "dial";

export function InvitationBox({ view }: { view: View }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [said, setSaid] = useState("");
  const [link, setLink] = useState("");
  const state = view.invitation?.user;
  if (!state) return null;
  const ways = state.ways ?? [];
  // What has been tried may be tried again as a whole; another way has a button of its own.
  const tried = ways.some((shown) => shown.way !== DIAL && shown.state !== "none");

  const invite = async (send: boolean, way?: string) => {
    setBusy(true);
    setProblem(null);
    setSaid("");
    setLink("");
    try {
      const made = await request<{ join_url: string }>(
        "POST",
        `/v1/sessions/${encodeURIComponent(view.id)}/invitations`,
        { role: "user", ...(send ? { send } : {}), ...(way ? { way } : {}) },
      );
      if (send) setSaid(t("side.resent"));
      else if (await copied(made.join_url)) setSaid(t("side.copied"));
      else {
        setLink(made.join_url);
        setSaid(t("side.copyBy"));
      }
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <section>
      <Fold
        open={!view.presence.user.connected}
        title={
          <>
            {t("side.invitation")}{" "}
            <span class={`ink-${toneOf(state.state)}`}>· {t(`side.inv.${state.state}`)}</span>
          </>
        }
      >
        {ways.length === 0 && whyText(state.code) && <p class="muted">{whyText(state.code)}</p>}
        {ways.length > 0 && (
          <ul class="ways">
            {ways.map((shown) => (
              <li key={shown.way} data-way={shown.way}>
                <span class="way-name">{nameOf(shown)}</span>
                <span class={`ink-${toneOf(shown.state)}`}>{stateOf(shown)}</span>
                {shown.way !== DIAL && !refused(shown) && (
                  <button
                    type="button"
                    disabled={busy}
                    aria-label={t("way.sendBy", { way: nameOf(shown) })}
                    onClick={() => void invite(true, shown.way)}
                  >
                    {t("way.send")}
                  </button>
                )}
                {why(shown) && <p class="small muted">{why(shown)}</p>}
              </li>
            ))}
          </ul>
        )}
        <p class="actions">
          {!withheld(view) && (
            <button type="button" disabled={busy} onClick={() => void invite(false)}>
              <Icon name="link" />
              {t("side.copy")}
            </button>
          )}
          {tried && (
            <button type="button" disabled={busy} onClick={() => void invite(true)}>
              {t("side.resend")}
            </button>
          )}
        </p>
        <p class="small" role="status">
          {said}
        </p>
        {link && (
          <input
            class="link"
            readOnly
            value={link}
            aria-label={t("side.copyBy")}
            onFocus={(event) => event.currentTarget.select()}
          />
        )}
        {problem && <ProblemNotice problem={problem} />}
      </Fold>
    </section>
  );
}

/** A way the settings do not allow for this address: it says why, and there is nothing to press. */
function refused(shown: WayShown): boolean {
  return shown.state === "none" && shown.why !== "";
}

/** Why it failed: the general word where the server has no code for it. */
function why(shown: WayShown): string {
  return shown.why && (whyText(shown.code) || t("way.failed"));
}

function nameOf(shown: WayShown): string {
  return tOr(`way.${shown.way}`, shown.way);
}

function stateOf(shown: WayShown): string {
  const own = shown.way === DIAL ? `way.dial.${shown.state}` : "";
  return tOr(own, t(`way.state.${shown.state}`));
}

function toneOf(state: string): string {
  if (state === "failed") return "danger";
  if (state === "joined") return "live";
  return state === "confirm" ? "hold" : "calm";
}

/** Browsers give the clipboard to secure origins only, and may ask or refuse. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
