/** How far the caller's invitation got, and two ways to make a new one. */
import { useState } from "preact/hooks";
import { withheld } from "../lib/consent";
import { asProblem, type Problem, request } from "../lib/http";
import type { View } from "../lib/types";
import { t } from "../lib/words";
import { Icon } from "./icons";
import { ProblemNotice } from "./parts";

export function InvitationBox({ view }: { view: View }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [said, setSaid] = useState("");
  const [link, setLink] = useState("");
  const state = view.invitation?.user;
  if (!state) return null;
  const tone = state.state === "failed" ? "danger" : state.state === "joined" ? "live" : "calm";

  const invite = async (send: boolean) => {
    setBusy(true);
    setProblem(null);
    setSaid("");
    setLink("");
    try {
      const made = await request<{ join_url: string }>(
        "POST",
        `/v1/sessions/${encodeURIComponent(view.id)}/invitations`,
        send ? { role: "user", send: true } : { role: "user" },
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
      <h2>{t("side.invitation")}</h2>
      <p class={`state ink-${tone}`}>
        <span class="dot" aria-hidden="true" />
        {t(`side.inv.${state.state}`)}
      </p>
      {state.detail && <p class="muted break">{state.detail}</p>}
      <p class="actions">
        {!withheld(view) && (
          <button type="button" disabled={busy} onClick={() => void invite(false)}>
            <Icon name="link" />
            {t("side.copy")}
          </button>
        )}
        {view.call && !view.placed && (
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
    </section>
  );
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
